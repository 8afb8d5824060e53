import time

from celery import Celery

app = Celery("socialdesk")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="slow")
def slow(path: str) -> None:
    """Leaves a mark when it begins and another when it has been let finish."""
    with open(path, "a") as file:
        file.write("begun ")
        file.flush()
        time.sleep(2)
        file.write("finished")

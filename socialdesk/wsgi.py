"""The web process's entry."""

import os
from threading import Thread

from django.core.signals import request_started
from django.core.wsgi import get_wsgi_application

from platforms.registry import warm_up

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "socialdesk.settings")
application = get_wsgi_application()


def _warm_up(**_: object) -> None:
    """Beside the first request of each process, so that neither it nor the start waits for it.

    Not already here: gunicorn loads this before it forks, and a fork in the middle of an import
    leaves the child a module that is never finished.
    """
    request_started.disconnect(_warm_up)
    Thread(target=warm_up, name="warm-up", daemon=True).start()


request_started.connect(_warm_up)

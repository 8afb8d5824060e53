from django.apps import AppConfig


class SocialdeskConfig(AppConfig):
    name = "socialdesk"

    def ready(self) -> None:
        from socialdesk import timestamps
        from socialdesk.celery import app

        app.set_default()
        timestamps.register()

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "operations"

    def ready(self) -> None:
        from accounts.alerts import alert_raised, alert_settled
        from operations.raising import on_alert_raised, on_alert_settled

        alert_raised.connect(on_alert_raised)
        alert_settled.connect(on_alert_settled)

from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"

    def ready(self) -> None:
        from accounts.hooks import rights_changed
        from scheduling.engine.lapses import on_rights_changed

        rights_changed.connect(on_rights_changed)

from django.apps import AppConfig


class MentionsConfig(AppConfig):
    name = "mentions"

    def ready(self) -> None:
        from accounts.hooks import person_left
        from mentions.leaving import on_person_left

        person_left.connect(on_person_left)

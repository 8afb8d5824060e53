import json

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("--json", action="store_true")

    def handle(self, **options):
        User.objects.create_user("ada", "ada@example.org", "a-demo-password")
        people = [{"email": "ada@example.org", "password": "a-demo-password", "role": "Officer"}]
        self.stdout.write(json.dumps({"people": people}))

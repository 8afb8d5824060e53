"""Freeze a person at once, or lift the freeze."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from accounts.management.base import DeskCommand, Report, find_person
from accounts.services.people import user_freeze, user_unfreeze


class Command(DeskCommand):
    help = "Stop a person at once: no page opens, nothing of theirs goes out. --lift undoes it."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the person's e-mail address")
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--reason", help="why; goes on record")
        what.add_argument("--lift", action="store_true", help="lift the freeze")

    def act(self, given: Namespace) -> Report:
        user = find_person(given.email)
        if given.lift:
            user_unfreeze(actor=self.actor, user=user)
            return Report(f"{user} may work again.", {"email": user.email, "frozen": False})
        user_freeze(actor=self.actor, user=user, reason=given.reason or "")
        return Report(f"{user} is frozen.", {"email": user.email, "frozen": True})

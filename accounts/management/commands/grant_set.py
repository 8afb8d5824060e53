"""Give, change or end a level."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import date

from accounts.errors import Invalid
from accounts.levels import Level
from accounts.management.base import DeskCommand, Report, find_account, find_person, find_team
from accounts.models import Grant
from accounts.moments import end_of_day
from accounts.services.grants import grant_end, grant_set

NONE = "none"


class Command(DeskCommand):
    help = "Give a person or a team a level on an account, change it, or take it away (none)."

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("account", help="number, handle or platform:handle")
        parser.add_argument("level", choices=[*Level.values, NONE])
        who = parser.add_mutually_exclusive_group(required=True)
        who.add_argument("--user", metavar="EMAIL", help="a person, by e-mail address")
        who.add_argument("--team", metavar="NAME", help="a team, by name")
        parser.add_argument("--reason", default="", help="why; goes on record")
        parser.add_argument(
            "--until", type=_day, metavar="YYYY-MM-DD", help="last day, in the account's time zone"
        )

    def act(self, given: Namespace) -> Report:
        target = find_account(given.account)
        person = find_person(given.user) if given.user else None
        group = find_team(given.team) if given.team else None
        if given.level == NONE:
            held = Grant.objects.filter(account=target, user=person, team=group, ended_at=None)
            found = held.first()
            if found is None:
                raise Invalid("", f"{person or group} has no level on {target}.")
            grant_end(actor=self.actor, grant=found, reason=given.reason)
            return Report(f"{person or group} has no level on {target} any more.", {"level": None})
        grant = grant_set(
            actor=self.actor,
            account=target,
            level=given.level,
            reason=given.reason,
            user=person,
            team=group,
            ends_at=end_of_day(given.until, target.time_zone) if given.until else None,
        )
        ends_at = grant.ends_at and grant.ends_at.isoformat()
        data = {"id": grant.pk, "account": target.pk, "level": grant.level, "ends_at": ends_at}
        return Report(f"{grant}.", data)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no date like 2026-12-31") from None

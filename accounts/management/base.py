"""What every command shares: --json, exit codes, and finding people, teams and accounts by name."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.management.base import (
    BaseCommand,
    CommandError,
    CommandParser,
    DjangoHelpFormatter,
)

from accounts.errors import Invalid
from accounts.models import SocialAccount, Team, User
from audit.actions import NotAllowed
from audit.actors import Actor
from platforms.contract import PlatformError

EXIT_CODES = """\
exit codes:
  0  done
  1  refused, invalid, or something that was asked about is not well; the reason is on stderr
  2  wrong usage
"""


class _KeepLines(DjangoHelpFormatter):
    """Leaves text of several lines as it was written."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return text if "\n" in text else super()._fill_text(text, width, indent)


@dataclass(frozen=True, slots=True)
class Report:
    """What a command did. `data` is what --json prints; `failed`: done, but the answer is bad."""

    text: str
    data: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""


class DeskCommand(BaseCommand):
    """A command whose work is one call of a service.

    Write `arguments` and `act`. Invalid, NotAllowed and PlatformError become a line on stderr and
    exit code 1; nothing else is caught.
    """

    requires_system_checks = ()  # the web process and `manage.py check` see to them

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs = {"formatter_class": _KeepLines, "epilog": EXIT_CODES, **kwargs}
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        self.name = subcommand
        return parser

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        self.arguments(parser)

    def arguments(self, parser: ArgumentParser) -> None:
        """Add the command's own arguments."""

    def act(self, given: Namespace) -> Report:
        """Do the work. Raises Invalid, NotAllowed, PlatformError."""
        raise NotImplementedError

    @property
    def actor(self) -> Actor:
        return Actor.command(self.name)

    def handle(self, **options: Any) -> None:
        as_json = options["json"]
        try:
            report = self.act(Namespace(**options))
        except Invalid as error:
            self._refuse(error.message, error.field, as_json)
        except NotAllowed as error:
            self._refuse(error.reason, "", as_json)
        except PlatformError as error:
            self._refuse(error.message, "", as_json)
        else:
            ok = not report.failed
            self.stdout.write(
                json.dumps({"ok": ok, **report.data}, default=str) if as_json else report.text
            )
            if not ok:
                raise CommandError(report.failed, returncode=1)

    def _refuse(self, message: str, at: str, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"ok": False, "error": message, "field": at}))
        raise CommandError(f"{at}: {message}" if at else message, returncode=1)


def find_person(email: str) -> User:
    """The person with this e-mail address. Raises Invalid."""
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        raise Invalid("", f"There is nobody with the e-mail address {email}.")
    return user


def find_team(name: str) -> Team:
    """The team of this name. Raises Invalid."""
    team = Team.objects.filter(name__iexact=name.strip()).first()
    if team is None:
        raise Invalid("", f"There is no team called {name}.")
    return team


def find_account(words: str) -> SocialAccount:
    """The account with this number, handle, or platform:handle. Raises Invalid when not one."""
    if words.isdecimal():
        found = list(SocialAccount.objects.filter(pk=int(words)))
    else:
        platform, colon, handle = words.partition(":")
        bare = (handle if colon else words).strip().removeprefix("@")
        accounts = SocialAccount.objects.filter(handle__in=[bare, f"@{bare}"])
        found = list((accounts.filter(platform=platform) if colon else accounts)[:2])
    if not found:
        raise Invalid("", f"There is no account {words}.")
    if len(found) > 1:
        raise Invalid("", f"Several accounts are called {words}. Use platform:handle or a number.")
    return found[0]

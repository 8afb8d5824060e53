"""Ask platforms whether accounts still work."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from accounts.errors import Invalid
from accounts.health import account_check
from accounts.management.base import DeskCommand, Report, find_account
from accounts.models import SocialAccount


class Command(DeskCommand):
    help = "Ask the platforms whether accounts still work. Exit code 1 when one does not."

    def arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("account", nargs="?", help="number, handle or platform:handle")
        which.add_argument("--all", action="store_true", help="every connected account")

    def act(self, given: Namespace) -> Report:
        if given.all:
            accounts = list(SocialAccount.objects.filter(disconnected_at=None))
        else:
            accounts = [find_account(given.account or "")]
            if not accounts[0].is_connected:
                raise Invalid("", f"{accounts[0]} is disconnected.")
        lines, rows, bad = [], [], 0
        for one in accounts:
            error = account_check(actor=self.actor, account=one)
            bad += error is not None
            lines.append(f"{one}: {error.message if error else 'works'}")
            rows.append(
                {
                    "id": one.pk,
                    "platform": one.platform,
                    "handle": one.handle,
                    "ok": error is None,
                    "error": error.message if error else "",
                }
            )
        text = "\n".join(lines) or "No account is connected."
        failed = f"{bad} of {len(accounts)} accounts do not work." if bad else ""
        return Report(text, {"accounts": rows}, failed)

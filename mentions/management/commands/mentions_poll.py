"""Read what came in, now."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report, find_account
from accounts.models import SocialAccount
from mentions.polling import Polled, claim_account, poll


class Command(DeskCommand):
    help = (
        "Read the mentions of one account, or of all, without waiting for their turn. "
        "Exit code 1 when one could not be read."
    )

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
        results = [(one, self._poll(one)) for one in accounts]
        bad = sum(1 for _, polled in results if polled and polled.problem)
        failed = f"{bad} of {len(accounts)} accounts could not be read." if bad else ""
        text = "\n".join(f"{one}: {_words(polled)}" for one, polled in results)
        rows = [_row(one, polled) for one, polled in results]
        return Report(text or "No account is connected.", {"accounts": rows}, failed)

    def _poll(self, account: SocialAccount) -> Polled | None:
        if not claim_account(account):
            return None
        return poll(account.pk, actor=self.actor)


def _words(polled: Polled | None) -> str:
    if polled is None:
        return "is being read by a worker at this moment"
    if polled.problem:
        return polled.problem
    return "nothing new" if not polled.new else f"{polled.new} new"


def _row(account: SocialAccount, polled: Polled | None) -> dict[str, Any]:
    return {
        "id": account.pk,
        "platform": account.platform,
        "handle": account.handle,
        "busy": polled is None,
        "new": polled.new if polled else 0,
        "error": polled.problem if polled else "",
    }

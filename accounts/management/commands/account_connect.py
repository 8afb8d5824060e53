"""Connect a social account."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from django.conf import settings

from accounts.connections import account_prove
from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report, find_person
from accounts.services.social import account_connect
from platforms.registry import platform_keys


class Command(DeskCommand):
    help = (
        "Connect a social account after asking the platform who the credentials belong to. "
        "The secret comes from a file or standard input, never from the command line, where "
        "other people of this machine could read it."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("platform", choices=platform_keys())
        parser.add_argument("--handle", required=True, help="the account's handle there")
        parser.add_argument("--base-url", default="", help="the server, where there are several")
        parser.add_argument(
            "--secret-file", required=True, help="file that holds the secret; - is standard input"
        )
        parser.add_argument("--owner", required=True, help="e-mail address of its owner here")
        parser.add_argument("--purpose", default="", help="what the account is for")
        parser.add_argument(
            "--time-zone", default=settings.TIME_ZONE, help="IANA name (default %(default)s)"
        )
        parser.add_argument(
            "--approval-required", action="store_true", help="nothing goes out unapproved"
        )

    def act(self, given: Namespace) -> Report:
        secret = read_secret(given.secret_file)
        person = find_person(given.owner)
        proven = account_prove(
            platform=given.platform,
            handle=given.handle,
            base_url=given.base_url,
            secret=secret,
        )
        account = account_connect(
            actor=self.actor,
            proven=proven,
            owner=person,
            time_zone=given.time_zone,
            purpose=given.purpose,
            approval_required=given.approval_required,
        )
        data = {"id": account.pk, "platform": given.platform, "handle": account.handle}
        return Report(f"Connected {account} as account {account.pk}.", data)


def read_secret(path: str) -> str:
    """What the file holds, less white space around it. Raises Invalid."""
    if path == "-":
        return sys.stdin.read().strip()
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Invalid("secret", f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid("secret", f"{path} does not hold text.") from None

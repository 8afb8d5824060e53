"""Seal the stored credentials with the newest key."""

from __future__ import annotations

from argparse import Namespace

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report
from accounts.sealing import SealBroken
from accounts.services.credentials import credentials_rotate


class Command(DeskCommand):
    help = """\
Seal every stored credential with the newest key, so that an old key can be thrown away.

  1. Make a key: `make key`.
  2. Put it first in SOCIALDESK_CREDENTIAL_KEYS, before the old one, with a comma between
     them, and restart every web and worker process. From here on, new secrets are sealed
     with the new key, and old ones still open.
  3. Run this command.
  4. Take the old key out and restart again.

Nothing is changed when one secret does not open. Running it twice does no harm.
"""

    def act(self, given: Namespace) -> Report:
        try:
            count = credentials_rotate(actor=self.actor)
        except SealBroken as error:
            raise Invalid("", f"{error} Nothing was changed.") from None
        return Report(f"Sealed {count} credentials with the newest key.", {"rotated": count})

"""Print the record's public keys."""

from __future__ import annotations

from argparse import Namespace

from accounts.management.base import DeskCommand, Report
from audit.sealing import signing_keys


class Command(DeskCommand):
    help = (
        "Print the public keys of the record's checkpoints, newest first, one a line. Keep them "
        "where the administrators of this server cannot change them: whoever checks the record "
        "needs one that it was not this server that gave them."
    )

    def act(self, given: Namespace) -> Report:
        keys = [str(key.public) for key in signing_keys()]
        return Report("\n".join(keys), {"keys": keys})

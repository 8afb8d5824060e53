"""Let another key sign the record's checkpoints."""

from __future__ import annotations

from argparse import Namespace

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report
from audit.models import Checkpoint
from audit.sealer import something_waits
from audit.sealing import seal, signing_keys
from audit.services.keeping import key_change_record


class Command(DeskCommand):
    help = """\
Change the key that signs the record's checkpoints, with the signatures of both.

  1. Make a key: `make record-key`. Give it the name of the old one: what stands before the colon.
  2. Put it first in SOCIALDESK_RECORD_KEYS, before the old one, with a comma between them, and
     restart the sealer. From here on, both sign every checkpoint, and each names both.
  3. Run this command. It puts the change on record and signs a checkpoint over it.
  4. When every witness has taken that checkpoint (the record page says so), take the old key out,
     restart the sealer, and destroy the old key.
  5. Give the new public key (audit_keys) to whoever keeps the old one. They need not trust it:
     the old key has signed for it.
"""

    def act(self, given: Namespace) -> Report:
        keys = signing_keys()
        if len(keys) != 2:
            raise Invalid("", "SOCIALDESK_RECORD_KEYS has to hold two keys: the new and the old.")
        new, old = (str(key.public) for key in keys)
        if keys[0].public.name != keys[1].public.name:
            raise Invalid("", "The new key needs the name of the old one, before the colon.")
        key_change_record(actor=self.actor, old=old, new=new)
        while something_waits():  # another sealer may be at it
            seal()
        newest = Checkpoint.objects.all()[0]
        return Report(
            f"Both keys have signed a checkpoint over {newest.size} lines. When every witness has "
            "taken it, take the old key out.",
            {"new": new, "old": old, "size": newest.size},
        )

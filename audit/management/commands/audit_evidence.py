"""Hand over what proves the record to somebody who trusts nobody."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report
from audit.management.commands.audit_export import STDOUT, write_whole
from audit.models import Checkpoint, Event
from audit.proofs import NotSealed, SealedExport, proof_of, proof_of_growth
from audit.services.reading import proof_give


class Command(DeskCommand):
    help = """\
Hand over what tools/verify_socialdesk.py checks, with nothing of Socialdesk installed:

  record             the whole record in the order of its seal
  event NUMBER ...   that these events are in it, exactly so, by the newest checkpoint
  post NUMBER        the same for all events of a post
  growth SIZE        that the record as of the checkpoint of that size is the beginning of today's

Whoever checks also needs a public key (audit_keys) and witnessed checkpoints, and better not from
this server. That this was handed over is put on record.
"""

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=("record", "event", "post", "growth"))
        parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER")
        parser.add_argument(
            "--output", default=STDOUT, metavar="FILE", help="'-' (standard output) by default"
        )
        parser.add_argument("--force", action="store_true", help="write over an existing FILE")

    def act(self, given: Namespace) -> Report:
        path = Path(given.output)
        if given.output != STDOUT and path.exists() and not given.force:
            raise Invalid("", f"{path} is there already. Use --force to write over it.")
        if bool(given.numbers) == (given.what == "record"):
            raise Invalid("", f"{given.what} takes {'no' if given.numbers else 'a'} number.")
        if given.what == "record":
            export = SealedExport(self.actor)
            with closing(export.begin()) as pieces:
                self._hand_over(given.output, pieces)
            return Report(f"{export.count} events handed over.", {"count": export.count})
        proof = self._proof(given.what, given.numbers)
        self._hand_over(given.output, [json.dumps(proof, ensure_ascii=False), "\n"])
        count = len(proof["events"])
        return Report(f"{count} events proven.", {"count": count})

    def _proof(self, what: str, numbers: list[int]) -> dict[str, Any]:
        events = list(numbers)
        if what == "post":
            found = Event.objects.filter(post_id__in=numbers).order_by("id")
            events = list(found.values_list("pk", flat=True))
        try:
            proof = proof_of_growth(numbers[0]) if what == "growth" else proof_of(events)
        except NotSealed:
            raise Invalid("", "One of these events does not exist or is not sealed yet.") from None
        except (Checkpoint.DoesNotExist, IndexError):
            raise Invalid("", f"There is no checkpoint of size {numbers[0]}.") from None
        proof_give(actor=self.actor, what={what: numbers})
        return proof

    def _hand_over(self, output: str, pieces: Iterable[str]) -> None:
        if output != STDOUT:
            write_whole(Path(output), pieces)
            return
        # What the command has to say of itself must not end up in what it hands over.
        out, self.stdout = self.stdout, self.stderr
        for piece in pieces:
            out.write(piece, ending="")
        out.flush()

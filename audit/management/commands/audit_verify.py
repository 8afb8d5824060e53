"""Check the whole record, here and now."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from itertools import islice
from pathlib import Path

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report
from audit.models import Checkpoint
from audit.notes import NoteBroken, notes_in, opened
from audit.sealing import signing_keys
from audit.selfcheck import check_all
from audit.services.keeping import fault_record
from audit.tree import Tree, TreeBroken

FAULTS_MAX = 100


class Command(DeskCommand):
    help = (
        "Check that every event is as it was sealed, in its place, and that the newest checkpoint "
        "is one over this record; with --witnessed also that those which left the server are. "
        "This trusts the server it runs on. Somebody who does not hands an export (audit_evidence) "
        "to tools/verify_socialdesk.py on another machine."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--witnessed", action="append", default=[], metavar="FILE", help="checkpoints"
        )

    def act(self, given: Namespace) -> Report:
        faults = list(islice(check_all(), FAULTS_MAX))
        for path in given.witnessed:
            faults += _unlike(path)
        for fault in faults[:1]:
            fault_record(actor=self.actor, fault=fault)
        size = Tree.whole().size
        text = "\n".join(faults) or f"All {size} sealed events are as they were sealed."
        failed = f"{len(faults)} faults. {faults[0]}" if faults else ""
        return Report(text, {"size": size, "faults": faults}, failed=failed)


def _unlike(path: str) -> list[str]:
    """What of the witnessed checkpoints in a file is not so in this record. Raises Invalid."""
    try:
        notes = notes_in(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        raise Invalid("", f"{path} cannot be read.") from None
    keys = [key.public for key in signing_keys()]
    faults = []
    for note in notes:
        try:
            said = opened(note, keys)
            if Tree(said.size).root() != said.root:
                faults.append(
                    f"The witnessed checkpoint of {said.size} lines is of another record."
                )
        except TreeBroken:
            faults.append(f"{said.size} lines were witnessed, and the record has fewer.")
        except NoteBroken as error:
            known = Checkpoint.objects.filter(note=note).exists()
            faults += [] if known else [str(error)]
    return faults

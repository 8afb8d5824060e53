"""Erase personal content from events."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report
from audit.erasing import Because, CannotErase
from audit.services.keeping import content_erase


class Command(DeskCommand):
    help = (
        "Erase personal content from events, for ever: 'what' is what they are about and their "
        "data, 'who' the name and address of whoever acted. The events themselves stay, with "
        "their proofs, and say that this was done. Erase the content where else it is first: the "
        "post, the mention. It stays in backups made before."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("numbers", nargs="+", type=int, metavar="EVENT")
        parser.add_argument("--part", choices=("who", "what", "both"), default="what")
        parser.add_argument("--because", choices=[one.value for one in Because], required=True)
        parser.add_argument(
            "--reference", default="", help="a case number; no words, so that nothing is said again"
        )

    def act(self, given: Namespace) -> Report:
        parts = ("who", "what") if given.part == "both" else (given.part,)
        try:
            done = content_erase(
                actor=self.actor,
                event_ids=given.numbers,
                parts=parts,
                because=Because(given.because),
                reference=given.reference,
            )
        except CannotErase as error:
            raise Invalid("", f"{error} Nothing was changed.") from None
        return Report(f"Content erased in {done} places.", {"erased": done})

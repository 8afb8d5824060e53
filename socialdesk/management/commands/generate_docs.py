"""Write the reference part of the docs from the code's own tables."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from django.conf import settings

from accounts.management.base import DeskCommand, Report
from socialdesk.reference import PAGES


class Command(DeskCommand):
    help = (
        "Write docs/reference/ from the code's own tables. With --check nothing is written: exit "
        "code 1 and the names of the pages that are stale."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="only say what is stale")
        parser.add_argument(
            "--folder", type=Path, default=None, help="where; docs/reference by default"
        )

    def act(self, given: Namespace) -> Report:
        folder: Path = given.folder or settings.BASE_DIR / "docs" / "reference"
        pages = {folder / name: write() for name, write in PAGES.items()}
        stale = [path for path, text in pages.items() if _text_of(path) != text]
        names = [path.name for path in stale]
        if given.check:
            return _checked(names)
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[path], encoding="utf-8")
        lines = [f"wrote {path}" for path in stale]
        return Report("\n".join(lines) or "Nothing has changed.", {"written": names})


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _checked(stale: list[str]) -> Report:
    if not stale:
        return Report("The reference pages are up to date.", {"stale": []})
    said = f"{', '.join(stale)} in docs/reference: stale. Run `manage.py generate_docs`."
    return Report("", {"stale": stale}, failed=said)

"""Hand over the record, or a part of it, as CSV or as JSON lines."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date, datetime, time, timedelta
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from accounts.errors import Invalid
from accounts.management.base import DeskCommand, Report, find_account, find_person
from accounts.moments import known_zones
from audit.actions import EVENTS
from audit.actors import ActorKind
from audit.exporting import FORMATS, Export
from audit.selectors.events import Filters, Scope
from audit.selectors.words import searched_words
from scheduling.selectors.story import posts_on

STDOUT = "-"


class Command(DeskCommand):
    help = (
        "Hand over the audit record, newest first, as CSV (UTF-8 with a byte order mark, safe to "
        "open in a spreadsheet) or as JSON lines. That this was done is put on record."
    )

    def arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=sorted(FORMATS), default="csv")
        parser.add_argument("--person", metavar="E-MAIL", help="what this person did")
        parser.add_argument(
            "--by",
            choices=[kind.value for kind in ActorKind if kind is not ActorKind.PERSON],
            help="what no person did",
        )
        parser.add_argument("--account", help="number, handle or platform:handle")
        parser.add_argument(
            "--action", metavar="EVENT", help="an event, or all of a noun: 'delivery.*'"
        )
        parser.add_argument("--address", type=_address, metavar="IP", help="from this address")
        parser.add_argument("--from", dest="since", type=_day, metavar="DAY", help="2026-11-23")
        parser.add_argument("--to", dest="until", type=_day, metavar="DAY", help="the last day")
        parser.add_argument(
            "--zone", type=_zone, default=settings.TIME_ZONE, help="of the days; %(default)s"
        )
        parser.add_argument("--text", default="", help="words, or how they begin")
        parser.add_argument(
            "--readings", action="store_true", help="include readings of the record itself"
        )
        parser.add_argument(
            "--output", default=STDOUT, metavar="FILE", help="'-' (standard output) by default"
        )
        parser.add_argument("--force", action="store_true", help="write over an existing FILE")

    def act(self, given: Namespace) -> Report:
        path = Path(given.output)
        if given.output != STDOUT and path.exists() and not given.force:
            raise Invalid("", f"{path} is there already. Use --force to write over it.")
        scope = Scope(posts_on, account_ids=None)
        export = Export(self.actor, scope, _filters(given), given.format)
        with closing(export.begin()) as pieces:
            if given.output == STDOUT:
                self._print(pieces)
            else:
                write_whole(path, pieces)
        plural = "" if export.count == 1 else "s"
        data = {"count": export.count, "format": export.format, "output": given.output}
        return Report(f"{export.count} event{plural} handed over.", data)

    def _print(self, pieces: Iterator[str]) -> None:
        # What the command has to say of itself must not end up in what it hands over.
        out, self.stdout = self.stdout, self.stderr
        try:
            for piece in pieces:
                out.write(piece, ending="")
            out.flush()
        except BrokenPipeError:
            raise Invalid("", "Whoever read the output stopped before its end.") from None


def _filters(given: Namespace) -> Filters:
    if given.action and given.action not in EVENTS and not _is_noun(given.action):
        raise Invalid("", f"There is no event {given.action}.")
    if given.text.strip() and not searched_words(given.text):
        raise Invalid("", "There is no word in --text to look for.")
    zone = ZoneInfo(given.zone)
    until = given.until + timedelta(days=1) if given.until else None
    return Filters(
        person=find_person(given.person).pk if given.person else None,
        kind=given.by or "",
        account=find_account(given.account).pk if given.account else None,
        action=given.action or "",
        address=given.address or "",
        since=_midnight(given.since, zone),
        until=_midnight(until, zone),
        text=given.text.strip(),
        readings=given.readings,
    )


def _is_noun(action: str) -> bool:
    return action.endswith(".*") and any(name.startswith(action[:-1]) for name in EVENTS)


def _midnight(day: date | None, zone: ZoneInfo) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), tzinfo=zone)


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 2100:
        raise ArgumentTypeError(f"{text!r} is no day of this century; write it as 2026-11-23")
    return day


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no IP address") from None


def _zone(text: str) -> str:
    if text not in known_zones():
        raise ArgumentTypeError(f"{text!r} is no time zone; write for example Europe/London")
    return text


def write_whole(path: Path, pieces: Iterable[str]) -> None:
    """The whole file or none of it, readable by its owner alone. Raises Invalid."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise Invalid("", f"{path} cannot be written: {error.strerror}.") from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            for piece in pieces:
                out.write(piece)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

"""Wall-clock times in an account's zone, and the two hours a year that clocks do not agree on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from accounts.errors import Invalid


class Clock(StrEnum):
    PLAIN = "plain"
    SKIPPED = "skipped"  # clocks go forward over it: it never happens
    REPEATED = "repeated"  # clocks go back over it: it happens twice


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall-clock time, found on the line of time. `at` is in UTC."""

    at: datetime
    clock: Clock


def find(local: datetime, zone: str) -> Moment:
    """Where naive `local` lies in IANA `zone`. A repeated time is its first occurrence.

    A skipped time is carried forward by the length of the jump, as RFC 5545 section 3.3.5 does.
    """
    tz = ZoneInfo(zone)
    first = local.replace(tzinfo=tz, fold=0)
    second = local.replace(tzinfo=tz, fold=1)
    at = first.astimezone(UTC)
    if at.astimezone(tz).replace(tzinfo=None) != local:
        return Moment(at, Clock.SKIPPED)
    if first.utcoffset() != second.utcoffset():
        return Moment(at, Clock.REPEATED)
    return Moment(at, Clock.PLAIN)


def due_from_local(local: datetime, zone: str, *, later: bool = False) -> datetime:
    """The due time in UTC for a naive wall-clock time. Raises Invalid for one that never happens.

    `later`: the second occurrence of a repeated time.
    """
    moment = find(local, zone)
    if moment.clock is Clock.SKIPPED:
        earlier, after = around_skipped(local, zone)
        raise Invalid(
            "due",
            f"{local:%H:%M} does not exist on {local:%-d %B} in {zone}: the clocks go forward. "
            f"Choose {earlier:%H:%M} or {after:%H:%M}.",
        )
    if later and moment.clock is Clock.REPEATED:
        return local.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC)
    return moment.at


def around_skipped(local: datetime, zone: str) -> tuple[datetime, datetime]:
    """The wall-clock times just before and just after the jump that skips `local`."""
    tz = ZoneInfo(zone)
    before = local.replace(tzinfo=tz, fold=1).utcoffset() or timedelta()
    after = local.replace(tzinfo=tz, fold=0).utcoffset() or timedelta()
    gap = abs(before - after)
    start = local
    while find(start - timedelta(minutes=1), zone).clock is Clock.SKIPPED:
        start -= timedelta(minutes=1)
    return start - timedelta(minutes=1), start + gap


def note_on(at: datetime, zone: str) -> str:
    """A sentence about the clocks, when `at` lies in an hour that comes twice; else ''."""
    tz = ZoneInfo(zone)
    local = at.astimezone(tz)
    if find(local.replace(tzinfo=None, fold=0), zone).clock is not Clock.REPEATED:
        return ""
    which = "second" if local.fold else "first"
    return (
        f"{local:%H:%M} comes twice that night in {zone}, since the clocks go back: "
        f"this is the {which} one."
    )

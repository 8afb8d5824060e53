"""How much was recorded when: the bars of the picture above the record's list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone

from audit.models import Event
from audit.selectors.events import Filters, Scope, moments, patience

COUNTED, COUNTED_WORDS = 10_000, 2_000
"""With filters, so many events are counted, the newest first, and fewer where words are looked for:
each of those may be among a hundred others. Of all, each is counted already."""
BARS_MAX = 62


class Unit(Enum):
    """What one bar stands for."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Bar:
    """Some time of the viewer's clock. `count` None: not counted; `partly`: not all of it was."""

    begins: datetime
    ends: datetime  # not included
    count: int | None
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Activity:
    """The bars, oldest first. `cut`: so many events were counted, and none before; 0: all were."""

    unit: Unit
    bars: Sequence[Bar]
    cut: int = 0

    @property
    def most(self) -> int:
        return max((bar.count or 0 for bar in self.bars), default=0)


def activity(scope: Scope, filters: Filters, zone: ZoneInfo) -> Activity | None:
    """The bars over the time asked for; None where there is nothing to draw.

    Counts at most COUNTED events. Raises OperationalError as `events_page` does.
    """
    span = _span(filters)
    if span is None:
        return None
    since, until = (moment.astimezone(zone).replace(tzinfo=None) for moment in span)
    unit = _unit(until - since)
    limit = COUNTED_WORDS if filters.text else COUNTED
    if _is_of_all(scope, filters):
        counts, seen = _counted(filters, span, unit, zone)
    else:
        asked = moments(scope, replace(filters, since=span[0]), limit + 1)
        if asked is None:
            return None
        with patience(filters):
            counts, seen = _count(*asked.query.sql_with_params(), unit, zone)
    cut = min(counts) if seen > limit else None
    bars = [
        Bar(begins, ends, None if cut and begins < cut else counts.get(begins, 0), begins == cut)
        for begins, ends in _buckets(since, until, unit)
    ]
    return Activity(unit, bars[-BARS_MAX:], limit if cut else 0)


def _span(filters: Filters) -> tuple[datetime, datetime] | None:
    """From when to when; where it was not asked for, from the first event to this moment."""
    since, until = filters.since, filters.until
    if since is None:
        first = Event.objects.order_by("occurred_at", "id").values_list("occurred_at", flat=True)
        since = first.first()
    now = timezone.now()
    until = min(until or now, now) if since is None or since < now else until
    return (since, until) if since and until and since < until else None


def _unit(span: timedelta) -> Unit:
    if span <= timedelta(days=2):
        return Unit.HOUR
    if span <= timedelta(days=BARS_MAX):
        return Unit.DAY
    return Unit.MONTH if span <= timedelta(days=30 * BARS_MAX) else Unit.YEAR


def _is_of_all(scope: Scope, filters: Filters) -> bool:
    """Whether the sealer has counted this: everything, between full quarters of an hour."""
    times = replace(filters, since=None, until=None, readings=False)
    edges = (filters.since, filters.until)
    return (
        scope.account_ids is None
        and times == Filters()
        and all(edge is None or not (edge.minute % 15 or edge.second) for edge in edges)
    )


def _counted(
    filters: Filters, span: tuple[datetime, datetime], unit: Unit, zone: ZoneInfo
) -> tuple[Mapping[datetime, int], int]:
    shown = "events" if filters.readings else "events - readings"
    begin = span[0].astimezone(UTC).replace(second=0, microsecond=0)
    begin -= timedelta(minutes=begin.minute % 15)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT date_trunc(%s, at AT TIME ZONE %s) AS bar, sum({shown}) FROM audit_quarter"  # noqa: S608  # our own words
            " WHERE at >= %s AND at < %s GROUP BY bar",
            [unit.value, zone.key, begin, span[1]],
        )
        return {begins: int(count) for begins, count in cursor.fetchall()}, 0


def _count(
    sql: str, params: Sequence[Any], unit: Unit, zone: ZoneInfo
) -> tuple[Mapping[datetime, int], int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc(%s, found.occurred_at AT TIME ZONE %s) AS bar, count(*)"  # noqa: S608  # what Django compiled
            f" FROM ({sql}) AS found GROUP BY bar",
            [unit.value, zone.key, *params],
        )
        counts = dict(cursor.fetchall())
    return counts, sum(counts.values())


def _buckets(since: datetime, until: datetime, unit: Unit) -> Iterator[tuple[datetime, datetime]]:
    """Beginning and end of each bar, by the viewer's clock."""
    begins = since.replace(minute=0, second=0, microsecond=0)
    if unit is not Unit.HOUR:
        begins = begins.replace(hour=0)
    if unit in (Unit.MONTH, Unit.YEAR):
        begins = begins.replace(day=1)
    if unit is Unit.YEAR:
        begins = begins.replace(month=1)
    while begins < until:
        ends = _next(begins, unit)
        yield begins, ends
        begins = ends


def _next(begins: datetime, unit: Unit) -> datetime:
    if unit is Unit.HOUR:
        return begins + timedelta(hours=1)
    if unit is Unit.DAY:
        return begins + timedelta(days=1)
    if unit is Unit.MONTH:
        return (begins + timedelta(days=32)).replace(day=1)
    return begins.replace(year=begins.year + 1)

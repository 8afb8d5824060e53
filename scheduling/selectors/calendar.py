"""What goes out when: asks for what is shown and no more."""

from __future__ import annotations

import calendar
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count, F, QuerySet, Window
from django.db.models.functions import RowNumber, Trunc

from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.policy import Rights
from audit.actors import Actor
from scheduling.models import Delivery
from scheduling.states import State

CHIPS = 4
"""Chips shown on a day of the month; the rest is '+3 more'."""
PAGE = 50
SHOWN = tuple(s for s in State if s not in (State.CANCELLED, State.WITHDRAWN))
"""States the calendar shows when nobody chose."""


@dataclass(slots=True)
class Day:
    """One day of a month's table."""

    date: date
    chips: list[Delivery] = field(default_factory=list)
    total: int = 0
    is_other: bool = False

    @property
    def more(self) -> int:
        return self.total - len(self.chips)


def planned(
    accounts: Sequence[SocialAccount], *, states: Sequence[str], account_id: int | None = None
) -> QuerySet[Delivery]:
    """Deliveries with a time, in these states, on these accounts: those the person may view.

    Their ids are given, not asked for again: the month asks its question three times.
    """
    ids = [a.pk for a in accounts if account_id in (None, a.pk)]
    rows = Delivery.objects.filter(account__in=ids, due_at__isnull=False, state__in=states)
    return rows.select_related("account", "post__author", "sender")


def month_days(rows: QuerySet[Delivery], year: int, month: int, zone: ZoneInfo) -> list[list[Day]]:
    """Weeks of days, Monday first, each with its first chips and its total; two queries."""
    weeks = calendar.Calendar(firstweekday=0).monthdatescalendar(year, month)
    start = start_of(weeks[0][0], zone)
    end = start_of(weeks[-1][-1] + timedelta(days=1), zone)
    in_month = rows.filter(due_at__gte=start, due_at__lt=end)
    day = Trunc("due_at", "day", tzinfo=zone)
    numbered = in_month.annotate(
        nth=Window(RowNumber(), partition_by=[day], order_by=[F("due_at"), F("pk")])
    )
    days = {d: Day(d, is_other=d.month != month) for week in weeks for d in week}
    for delivery in numbered.filter(nth__lte=CHIPS).order_by("due_at", "pk"):
        assert delivery.due_at is not None
        days[delivery.due_at.astimezone(zone).date()].chips.append(delivery)
    counted = in_month.annotate(on=day).order_by().values("on").annotate(number=Count("pk"))
    for row in counted:
        days[row["on"].date()].total = row["number"]
    return [[days[d] for d in week] for week in weeks]


def listed(
    rows: QuerySet[Delivery],
    *,
    start: datetime,
    end: datetime | None = None,
    after: tuple[datetime, int] | None = None,
) -> list[Delivery]:
    """A page of deliveries from `start` on, and one more; `after`: the last of the page before."""
    rows = rows.filter(due_at__gte=start)
    if end is not None:
        rows = rows.filter(due_at__lt=end)
    if after is not None:
        moment, pk = after
        rows = rows.filter(due_at__gte=moment).exclude(due_at=moment, pk__lte=pk)
    return list(rows.order_by("due_at", "pk")[: PAGE + 1])


def start_of(day: date, zone: ZoneInfo) -> datetime:
    """Midnight of a day in a zone, as UTC."""
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def movable_accounts(actor: Actor, accounts: Sequence[SocialAccount]) -> dict[Capability, set[int]]:
    """Ids of those accounts on which the person may move what is queued, and what is a draft."""
    rights = Rights(actor, accounts)
    return {
        capability: {a.pk for a in accounts if rights.decide(capability, a)}
        for capability in (Capability.PUBLISH, Capability.DRAFT)
    }


def may_be_moved(delivery: Delivery, accounts: dict[Capability, set[int]]) -> bool:
    """Whether the calendar offers to move it; the service decides again."""
    if delivery.state in (State.APPROVED, State.SCHEDULED):
        return delivery.account_id in accounts[Capability.PUBLISH]
    if delivery.state in (State.DRAFT, State.IN_REVIEW):
        return delivery.account_id in accounts[Capability.DRAFT]
    return False


def group_by_day(rows: Iterable[Delivery], zone: ZoneInfo) -> list[tuple[date, list[Delivery]]]:
    """Rows of a list under their days, in order."""
    days: dict[date, list[Delivery]] = {}
    for row in rows:
        assert row.due_at is not None
        days.setdefault(row.due_at.astimezone(zone).date(), []).append(row)
    return list(days.items())

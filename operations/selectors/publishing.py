"""How publishing does, read from the rows it leaves: true for all processes and after a restart.

Every question is bounded by a span of time or by a partial index, however much there ever was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Aggregate, Count, DurationField, F, Max, Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Greatest
from django.utils import timezone

from audit.models import Event
from scheduling.engine.order import next_in_line
from scheduling.models import Attempt, Delivery, Outcome
from scheduling.states import State

COUNTED = 1000
"""A backlog is counted so far and no further."""
IN_TROUBLE = (State.UNKNOWN, State.FAILED, State.HELD)
CLAIMED = "delivery.tried"


@dataclass(frozen=True, slots=True)
class Backlog:
    """What was due at some moment and has not been claimed."""

    count: int  # COUNTED at the most
    oldest: datetime | None = None  # since when the oldest might have gone out

    @property
    def words(self) -> str:
        if self.count == 1:
            return "1 delivery has been"
        more = "More than " if self.count >= COUNTED else ""
        return f"{more}{self.count} deliveries have been"


@dataclass(frozen=True, slots=True)
class Lateness:
    """How much later than due posts were out; None where there were none."""

    count: int
    p50: timedelta | None
    p99: timedelta | None
    max: timedelta | None


class _Percentile(Aggregate):
    function = "PERCENTILE_CONT"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = DurationField()

    def __init__(self, expression: Any, fraction: float, **extra: Any) -> None:
        super().__init__(expression, fraction=fraction, **extra)


def backlog(at: datetime) -> Backlog:
    """What could have gone out at `at` or before and still waits."""
    waiting = Delivery.objects.filter(state=State.SCHEDULED, next_try_at__lte=at)
    first = waiting.order_by("next_try_at")[:COUNTED].values("next_try_at")
    found = first.aggregate(count=Count("*"), oldest=Min("next_try_at"))
    return Backlog(found["count"], found["oldest"])


def stuck(for_s: float) -> Backlog:
    """What nothing keeps back and no worker has taken up for so long.

    What waits for an earlier post of its account is not stuck, that is its order.
    """
    now = timezone.now()
    rows = Delivery.objects.filter(
        pk__in=[place.pk for place in next_in_line(now)],
        next_try_at__lte=now - timedelta(seconds=for_s),
    )
    return Backlog(**rows.aggregate(count=Count("*"), oldest=Min("next_try_at")))


def in_trouble() -> dict[State, int]:
    """How many deliveries need a person, by state."""
    rows = Delivery.objects.filter(state__in=IN_TROUBLE).values("state").order_by()
    found = dict(rows.annotate(count=Count("*")).values_list("state", "count"))
    return {state: found.get(state, 0) for state in IN_TROUBLE}


def lateness_of(now: datetime, *spans: timedelta) -> list[Lateness]:
    """Of what was noted as published within each span before `now`, in one question."""
    asked: dict[str, Any] = {}
    for n, span in enumerate(spans):
        within = Q(state_since__gte=now - span)
        asked |= {
            f"count_{n}": Count("pk", filter=within),
            f"p50_{n}": _Percentile("late", 0.5, filter=within),
            f"p99_{n}": _Percentile("late", 0.99, filter=within),
            f"max_{n}": Max("late", filter=within),
        }
    found = _late(now - max(spans)).aggregate(**asked)
    return [
        Lateness(*(found[f"{name}_{n}"] for name in ("count", "p50", "p99", "max")))
        for n in range(len(spans))
    ]


def lateness_counts(since: datetime, bounds_s: tuple[float, ...]) -> tuple[list[int], int, float]:
    """How many were late by each bound or less; how many there were; seconds of lateness in all."""
    each = {
        f"within_{n}": Count("pk", filter=Q(late__lte=timedelta(seconds=bound)))
        for n, bound in enumerate(bounds_s)
    }
    found = _late(since).aggregate(**each, count=Count("*"), total=Sum("late"))
    total = found["total"].total_seconds() if found["total"] else 0.0
    return [found[name] for name in each], found["count"], total


def finished_attempts(since: datetime) -> QuerySet[Attempt]:
    """Attempts that began since then and whose outcome is final.

    A worker that was thought dead may yet say what became of a doubtful one, for so long it does
    not count: a count that goes down again is none.
    """
    rows = Attempt.objects.filter(started_at__gte=since).exclude(outcome=Outcome.STARTED)
    not_final = timezone.now() - timedelta(minutes=1)
    return rows.exclude(outcome=Outcome.UNKNOWN, finished_at__gt=not_final)


def attempts_by_outcome(since: datetime) -> dict[Outcome, int]:
    """Finished attempts that began since then, by how they ended."""
    counted = finished_attempts(since).values("outcome").order_by().annotate(count=Count("*"))
    found = dict(counted.values_list("outcome", "count"))
    return {out: found.get(out, 0) for out in Outcome if out != Outcome.STARTED}


def claims(since: datetime) -> int:
    """How often something due was given to a worker since then."""
    return Event.objects.filter(name=CLAIMED, occurred_at__gte=since).count()


def under_way() -> int:
    """How many deliveries workers are at just now."""
    return Delivery.objects.filter(state=State.PUBLISHING).count()


def _late(since: datetime) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(state=State.PUBLISHED, state_since__gte=since)
    # A platform whose clock is behind ours publishes before it was asked; that is not early.
    early = Value(timedelta(0), output_field=DurationField())
    late = Greatest(F("published_at") - F("due_at"), early, output_field=DurationField())
    return rows.filter(published_at__isnull=False).annotate(late=late)

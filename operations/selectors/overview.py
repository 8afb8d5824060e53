"""The operators' page in as few questions as there are tables."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q
from django.utils import timezone

from accounts.models import SocialAccount
from accounts.models.social import Health
from audit.models import Event
from mentions.models import Feed
from operations import hearts
from operations.selectors.publishing import (
    CLAIMED,
    IN_TROUBLE,
    Backlog,
    Lateness,
    finished_attempts,
    lateness_of,
)
from scheduling.models import Delivery, Outcome
from scheduling.states import State

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SHOWN = 8
"""Accounts and alerts shown before somebody asks for all."""
QUIET_POLL_S = 600
"""An account unread for longer is late, whatever its pause."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the database says of publishing at one moment."""

    late_hour: Lateness
    late_day: Lateness
    waiting: Backlog
    under_way: int
    in_trouble: dict[State, int]
    attempts: dict[Outcome, int]  # of the last hour
    claims: int


@dataclass(frozen=True, slots=True)
class Clock:
    """Whether the clock goes, in words a tired person understands."""

    ticks: bool
    words: str


def numbers() -> Numbers:
    now = timezone.now()
    hour, day = lateness_of(now, HOUR, DAY)
    counts, oldest = _states(now)
    said = _hour(now)
    return Numbers(
        late_hour=hour,
        late_day=day,
        waiting=Backlog(counts.get(State.SCHEDULED, 0), oldest),
        under_way=counts.get(State.PUBLISHING, 0),
        in_trouble={state: counts.get(state, 0) for state in IN_TROUBLE},
        attempts={out: said.get(out, 0) for out in Outcome if out != Outcome.STARTED},
        claims=said.get(CLAIMED, 0),
    )


def clock(signs: hearts.Signs) -> Clock:
    """What the signs of life say about the tick."""
    if not signs.answers:
        return Clock(False, "Redis does not answer, so nothing can be announced to the workers.")
    beats, workers = signs.alive("beat"), signs.alive("worker")
    missing = [
        words
        for alive, words in ((beats, "no beat runs"), (workers, "no worker runs"))
        if not alive
    ]
    age = signs.tick_age_s
    if age is not None and age < hearts.DEAD_AFTER_S and not missing:
        return Clock(True, f"Last tick {age:.0f} s ago")
    last = "No tick is known of" if age is None else f"The last tick was {_span(age)} ago"
    why = f": {' and '.join(missing)}" if missing else ""
    return Clock(False, f"{last}{why}. What falls due is not published.")


def accounts() -> list[SocialAccount]:
    """All connected accounts with their feeds; there are hundreds at the most."""
    rows = SocialAccount.objects.filter(disconnected_at=None).select_related("feed")
    return list(rows.order_by("display_name", "pk"))


def worst_first(found: list[SocialAccount]) -> list[SocialAccount]:
    """By health, those that need somebody first, then the ones unchecked for longest."""
    rank = {Health.LOST: 0, Health.TROUBLED: 1}
    return sorted(
        found, key=lambda a: (rank.get(Health(a.health), 2), a.checked_at or _long_ago(), a.pk)
    )


def unread_longest(found: list[SocialAccount]) -> list[Feed]:
    """The feeds by when they were last read, the one unread for longest first."""
    feeds = [account.feed for account in found if hasattr(account, "feed")]
    return sorted(feeds, key=lambda feed: (feed.last_polled_at or _long_ago(), feed.pk))


def _states(now: datetime) -> tuple[dict[str, int], datetime | None]:
    rows = Delivery.objects.filter(
        Q(state=State.SCHEDULED, next_try_at__lte=now)
        | Q(state=State.PUBLISHING)
        | Q(state__in=IN_TROUBLE)
    )
    found = rows.values("state").order_by().annotate(n=Count("*"), oldest=Min("next_try_at"))
    said = {row["state"]: row for row in found}
    scheduled = said.get(State.SCHEDULED)
    return {state: row["n"] for state, row in said.items()}, scheduled and scheduled["oldest"]


def _hour(now: datetime) -> dict[str, int]:
    """Attempts by outcome and claims of the last hour, in one question."""
    tried = finished_attempts(now - HOUR).values("outcome").order_by().annotate(n=Count("*"))
    claimed = Event.objects.filter(name=CLAIMED, occurred_at__gte=now - HOUR).values("name")
    both = tried.values_list("outcome", "n").union(
        claimed.order_by().annotate(n=Count("*")).values_list("name", "n"), all=True
    )
    return dict(both)


def _long_ago() -> datetime:
    return datetime.min.replace(tzinfo=timezone.get_default_timezone())


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"

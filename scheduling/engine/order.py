"""In which order the deliveries of one account go out: that of their due times, one at a time.

The order never keeps anything back for long. What goes wrong with one post holds up the next for
PATIENCE at most, counted from the next one's own due time; a post that waits for a person (held,
failed, or in doubt with nobody left to ask) holds up nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, QuerySet

from scheduling.engine.lanes import Lane
from scheduling.models import Delivery
from scheduling.states import State

PATIENCE = timedelta(minutes=2)
"""How long past its own time a delivery waits for an earlier one of its account that is to be tried
again or is being looked up. Longer than the look-ups of most doubts take, much shorter than the
grace after which it would be held."""


def due(now: datetime) -> QuerySet[Delivery]:
    """What the tick has to do with: scheduled, and its time has come."""
    return Delivery.objects.filter(state=State.SCHEDULED, next_try_at__lte=now)


@dataclass(frozen=True, slots=True)
class Place:
    """A delivery's place in its account's order."""

    pk: int
    account_id: int
    due_at: datetime
    state: str
    platform: str
    base_url: str

    @property
    def lane(self) -> Lane:
        return self.platform, self.base_url

    def is_before(self, other: Place) -> bool:
        return (self.due_at, self.pk) < (other.due_at, other.pk)


def next_in_line(now: datetime) -> list[Place]:
    """What may go out now: of each account one at most, longest due first.

    Two queries, on partial indexes that hold only what is due, under way or in trouble, so that it
    does not matter how much is scheduled for later, or how well the planner knows that.
    """
    heads = due(now).order_by("account_id", "due_at", "pk").distinct("account_id")
    places = [Place(*row) for row in heads.values_list(*_PLACE)]
    if not places:
        return []
    ahead: dict[int, list[Place]] = {}
    for place in _ahead(now):
        ahead.setdefault(place.account_id, []).append(place)
    free = [p for p in places if not _waits(p, ahead.get(p.account_id, ()), now)]
    return sorted(free, key=lambda place: (place.due_at, place.pk))


def _ahead(now: datetime) -> list[Place]:
    """What may keep others back: under way, to be tried again, or being looked up."""
    rows = Delivery.objects.order_by()
    in_flight = rows.filter(state=State.PUBLISHING)
    postponed = rows.filter(
        state=State.SCHEDULED, next_try_at__gt=F("due_at"), due_at__lte=now
    ).filter(next_try_at__gt=now)
    in_doubt = rows.filter(state=State.UNKNOWN, next_try_at__isnull=False)
    one, *others = (query.values_list(*_PLACE) for query in (in_flight, postponed, in_doubt))
    return [Place(*row) for row in one.union(*others, all=True)]


def _waits(place: Place, ahead: Iterable[Place], now: datetime) -> bool:
    patient = place.due_at > now - PATIENCE
    return any(
        other.state == State.PUBLISHING or (patient and other.is_before(place)) for other in ahead
    )


_PLACE = ("pk", "account_id", "due_at", "state", "account__platform", "account__base_url")

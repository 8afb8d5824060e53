"""What can be said of the seal: over the whole record, and over one event."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit.erasing import Because
from audit.forwarding import name_of
from audit.models import Checkpoint, Erasure, Event, Forward, Leaf, SelfCheck, Unsealed, Witness
from audit.telling import who_of

WAITS_TOO_LONG_S = 30
"""A sealer that works seals within two seconds; this is for those who ask whether it does."""
FORWARD_LATE = timedelta(minutes=5)
"""How far a place that the record is forwarded to may be behind before somebody is told."""
WAITING_MAX = 10_000
"""Waiting events are counted up to here."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """How far one place has come that the record is forwarded to."""

    name: str
    taken: int
    behind: int  # sealed lines it has not taken
    since: datetime | None  # when the oldest of these was recorded
    failing_since: datetime | None
    error: str

    @property
    def trouble(self) -> str:
        """What people have to be told of it; '' where all is well."""
        if self.failing_since:
            return f"{self.error} {self.behind} events wait for it."
        if self.since and timezone.now() - self.since > FORWARD_LATE:
            return f"{self.behind} events wait for it, the oldest of {self.since:%d %B, %H:%M %Z}."
        return ""


@dataclass(frozen=True, slots=True)
class SealState:
    """How far the record is sealed and under witness. Times None: never so far."""

    size: int
    until: datetime | None  # everything committed by then is sealed
    waiting: int
    witnesses: Sequence[Witness]
    fault: str
    whole_at: datetime | None
    forwarded: Sequence[Forwarded] = ()

    @property
    def witnessed(self) -> Witness | None:
        """The witness that has seen most."""
        seen = [witness for witness in self.witnesses if witness.size]
        return max(seen, key=lambda witness: witness.size, default=None)

    @property
    def failing(self) -> list[Witness]:
        return [witness for witness in self.witnesses if witness.failing_since]

    @property
    def unprotected(self) -> int:
        """How many lines whoever owns the database could still rewrite unseen."""
        seen = self.witnessed
        return self.size - (seen.size if seen else 0) + self.waiting

    @property
    def late(self) -> list[Forwarded]:
        return [one for one in self.forwarded if one.trouble]


@dataclass(frozen=True, slots=True)
class Erased:
    """Content of an event that was erased: which, when, by whom and why."""

    part: str
    at: datetime
    by: str
    because: str
    reference: str


@dataclass(frozen=True, slots=True)
class SealOf:
    """The seal over one event. `place` None: not sealed yet."""

    place: int | None = None
    at: datetime | None = None
    witnesses: Sequence[str] = ()
    erased: Sequence[Erased] = field(default_factory=list)


def seal_state() -> SealState:
    """Five queries, however long the record, and one for each place that is behind."""
    newest = Checkpoint.objects.first()
    check = SelfCheck.objects.first() or SelfCheck()
    return SealState(
        size=newest.size if newest else 0,
        until=newest.at if newest else None,
        waiting=Unsealed.objects.all()[:WAITING_MAX].count(),
        witnesses=list(Witness.objects.all()),
        fault=check.fault,
        whole_at=check.whole_at,
        forwarded=forwarded(newest.size if newest else 0),
    )


def forwarded(size: int) -> list[Forwarded]:
    """How far every place of the settings has come in a record of this size."""
    names = [name_of(place) for place in settings.FORWARD_TO]
    known = Forward.objects.in_bulk(names) if names else {}
    found = []
    for name in names:
        state = known.get(name) or Forward(name=name)
        behind = max(0, size - state.next_index)
        since = _recorded_at(state.next_index) if behind else None
        failing_since, error = state.failing_since, state.error
        found.append(Forwarded(name, state.next_index, behind, since, failing_since, error))
    return found


def _recorded_at(place: int) -> datetime | None:
    event = Leaf.objects.filter(index=place).values("event_id")
    return Event.objects.filter(pk__in=event).values_list("occurred_at", flat=True).first()


def troubles() -> dict[str, str]:
    """What people have to be told of the record, by subject: a sentence, or '' for all is well."""
    waited, late = longest_wait_s(), ""
    if waited > WAITS_TOO_LONG_S:
        late = f"An event has waited {waited:.0f} s to be sealed. Does a sealer run?"
    failing = [f"{w.name}: {w.error}" for w in Witness.objects.exclude(failing_since=None)]
    check = SelfCheck.objects.first() or SelfCheck()
    newest = Checkpoint.objects.first()
    behind = forwarded(newest.size if newest else 0)
    waits = " ".join(f"{one.name}: {one.trouble}" for one in behind if one.trouble)
    return {
        "seal": late,
        "witnesses": " ".join(failing),
        "record": check.fault,
        "forwarding": waits,
    }


def seal_of(event: Event) -> SealOf:
    """Four queries at the most."""
    place = Leaf.objects.filter(event_id=event.pk).values_list("index", flat=True).first()
    if place is None:
        return SealOf()
    over = Checkpoint.objects.filter(size__gt=place).order_by("size").first()
    names = Witness.objects.filter(size__gt=place).values_list("name", flat=True)
    return SealOf(place, over.at if over else None, list(names), erased_of([event.pk]))


def erased_of(event_ids: Sequence[int]) -> list[Erased]:
    """What was erased of these events, each erasure once for each part. One query."""
    found = Erasure.objects.filter(event_id__in=event_ids).select_related("by")
    each = {(erasure.by_id, erasure.part): erasure for erasure in found.order_by("by_id", "part")}
    return [_erased(erasure) for erasure in each.values()]


def longest_wait_s() -> float:
    """For how many seconds the oldest unsealed event has waited; 0 where none does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - min(e.occurred_at))"
            " FROM (SELECT event_id FROM audit_unsealed ORDER BY event_id LIMIT 1000) AS q"
            " JOIN audit_event e ON e.id = q.event_id"
        )
        waited = cursor.fetchone()[0]
    return max(0.0, float(waited or 0))


def _erased(erasure: Erasure) -> Erased:
    said = erasure.by.data
    because = Because(said["because"]).label
    at, by = erasure.by.occurred_at, who_of(erasure.by)
    return Erased(erasure.part, at, by, because, said["reference"])

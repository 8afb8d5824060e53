"""The states of a delivery and the only ways between them.

Importing this fails on a state nothing leads to, an unknown capability, a missing event name or
a transition written twice. The state diagram in the docs is drawn from the same table.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import models

from accounts.levels import Capability
from audit.actions import EVENTS, declare_events


class State(models.TextChoices):
    DRAFT = "draft", "Draft"
    IN_REVIEW = "in_review", "In review"
    APPROVED = "approved", "Approved"
    SCHEDULED = "scheduled", "Scheduled"
    PUBLISHING = "publishing", "Publishing"
    PUBLISHED = "published", "Published"
    WITHDRAWN = "withdrawn", "Withdrawn"
    FAILED = "failed", "Failed"
    UNKNOWN = "unknown", "Unknown"
    HELD = "held", "Held"
    CANCELLED = "cancelled", "Cancelled"


declare_events(
    delivery__submitted="sent {} for approval",
    delivery__returned="returned {} with a comment",
    delivery__approved="approved",
    delivery__scheduled="scheduled",
    delivery__taken_back="took {} back to draft",
    delivery__held="held",
    delivery__released="released",
    delivery__cancelled="cancelled",
    delivery__claimed="began to publish",
    delivery__tried="began an attempt to publish",
    delivery__published="published",
    delivery__retried="will try {} again",
    delivery__failed="failed to publish",
    delivery__in_doubt="could not tell whether {} went out",
    delivery__settled="settled what became of {}",
    delivery__withdrawn="withdrew",
)

ENGINE = "engine"
"""Stands for a capability in rows that only the publishing engine walks."""


@dataclass(frozen=True, slots=True)
class Transition:
    """From, to, who may, and the event it writes."""

    source: State
    target: State
    capability: Capability | str
    event: str


class BrokenTable(ValueError):
    """The state table contradicts itself."""


_S, _C = State, Capability

TABLE: tuple[Transition, ...] = (
    Transition(_S.DRAFT, _S.IN_REVIEW, _C.DRAFT, "delivery.submitted"),
    Transition(_S.DRAFT, _S.SCHEDULED, _C.PUBLISH, "delivery.scheduled"),
    Transition(_S.IN_REVIEW, _S.DRAFT, _C.DRAFT, "delivery.taken_back"),
    Transition(_S.IN_REVIEW, _S.DRAFT, _C.APPROVE, "delivery.returned"),
    Transition(_S.IN_REVIEW, _S.APPROVED, _C.APPROVE, "delivery.approved"),
    Transition(_S.APPROVED, _S.SCHEDULED, _C.DRAFT, "delivery.scheduled"),
    Transition(_S.APPROVED, _S.DRAFT, _C.DRAFT, "delivery.taken_back"),
    Transition(_S.SCHEDULED, _S.DRAFT, _C.DRAFT, "delivery.taken_back"),
    Transition(_S.SCHEDULED, _S.PUBLISHING, ENGINE, "delivery.claimed"),
    Transition(_S.SCHEDULED, _S.PUBLISHING, ENGINE, "delivery.tried"),
    Transition(_S.PUBLISHING, _S.PUBLISHED, ENGINE, "delivery.published"),
    Transition(_S.PUBLISHING, _S.SCHEDULED, ENGINE, "delivery.retried"),
    Transition(_S.PUBLISHING, _S.FAILED, ENGINE, "delivery.failed"),
    Transition(_S.PUBLISHING, _S.UNKNOWN, ENGINE, "delivery.in_doubt"),
    Transition(_S.PUBLISHING, _S.HELD, ENGINE, "delivery.held"),
    Transition(_S.UNKNOWN, _S.PUBLISHED, _C.PUBLISH, "delivery.settled"),
    Transition(_S.UNKNOWN, _S.SCHEDULED, _C.PUBLISH, "delivery.settled"),
    Transition(_S.UNKNOWN, _S.FAILED, _C.PUBLISH, "delivery.settled"),
    Transition(_S.FAILED, _S.DRAFT, _C.DRAFT, "delivery.taken_back"),
    Transition(_S.FAILED, _S.SCHEDULED, _C.PUBLISH, "delivery.scheduled"),
    Transition(_S.APPROVED, _S.HELD, _C.MANAGE, "delivery.held"),
    Transition(_S.SCHEDULED, _S.HELD, _C.MANAGE, "delivery.held"),
    Transition(_S.HELD, _S.APPROVED, _C.PUBLISH, "delivery.released"),
    Transition(_S.HELD, _S.SCHEDULED, _C.PUBLISH, "delivery.released"),
    Transition(_S.HELD, _S.DRAFT, _C.DRAFT, "delivery.taken_back"),
    Transition(_S.DRAFT, _S.CANCELLED, _C.DRAFT, "delivery.cancelled"),
    Transition(_S.IN_REVIEW, _S.CANCELLED, _C.DRAFT, "delivery.cancelled"),
    Transition(_S.APPROVED, _S.CANCELLED, _C.DRAFT, "delivery.cancelled"),
    Transition(_S.SCHEDULED, _S.CANCELLED, _C.DRAFT, "delivery.cancelled"),
    Transition(_S.HELD, _S.CANCELLED, _C.DRAFT, "delivery.cancelled"),
    Transition(_S.FAILED, _S.CANCELLED, _C.DRAFT, "delivery.cancelled"),
    Transition(_S.PUBLISHED, _S.WITHDRAWN, _C.PUBLISH, "delivery.withdrawn"),
)


Moves = dict[tuple[State, State], dict[str, Transition]]
"""From and to, then by event: returning and taking back both lead from review to draft."""


def checked(table: Iterable[Transition]) -> Moves:
    """The table as a look-up. Raises BrokenTable."""
    found: Moves = {}
    for row in table:
        rows = found.setdefault((row.source, row.target), {})
        if row.event in rows:
            raise BrokenTable(f"{row.event} from {row.source} to {row.target} is there twice")
        if row.capability != ENGINE and row.capability not in set(Capability):
            raise BrokenTable(f"{row.capability!r} is no capability")
        if row.event not in EVENTS:
            raise BrokenTable(f"{row.event!r} is no event")
        rows[row.event] = row
    reached, edge = {State.DRAFT}, [State.DRAFT]
    while edge:
        here = edge.pop()
        for source, target in found:
            if source == here and target not in reached:
                reached.add(target)
                edge.append(target)
    if lost := set(State) - reached:
        raise BrokenTable(f"nothing leads to {', '.join(sorted(lost))}")
    return found


TRANSITIONS = checked(TABLE)

QUEUED = (State.APPROVED, State.SCHEDULED)
"""What would go out if nobody did anything."""
CANCELLABLE = tuple(s for s, t in TRANSITIONS if t == State.CANCELLED)
"""From here nothing has gone out, and it can be called off."""
EDITABLE = (State.DRAFT, State.FAILED)
OVER = (State.PUBLISHED, State.WITHDRAWN, State.CANCELLED)

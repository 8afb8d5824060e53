"""Releasing several held deliveries one after the other, never in a burst."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from accounts.errors import Invalid
from audit.actions import NotAllowed
from audit.actors import Actor
from scheduling.errors import Stale
from scheduling.models import Delivery
from scheduling.services.deliveries import delivery_release
from scheduling.transitions import NoSuchMove

MOST = 50
"""Released in one go: what a person can read through before saying yes."""
PACES = (1, 2, 5, 10, 15, 30, 60)
"""Minutes between two posts of one account."""


@dataclass(frozen=True, slots=True)
class Slot:
    """When one delivery would go out."""

    delivery: Delivery
    at: datetime


@dataclass(frozen=True, slots=True)
class Stayed:
    """A delivery that stays held, and why."""

    delivery: Delivery
    reason: str


def paced(deliveries: Iterable[Delivery], *, first: datetime, every_min: int) -> list[Slot]:
    """Times from `first` on, `every_min` apart on each account, in the order they were planned.

    Raises Invalid for more than MOST, or a pace that is not offered.
    """
    rows = sorted(deliveries, key=lambda row: (row.due_at or first, row.pk))
    if not rows:
        raise Invalid("chosen", "Choose what is to be released.")
    if len(rows) > MOST:
        raise Invalid("chosen", f"Choose {MOST} at the most, and the rest afterwards.")
    if every_min not in PACES:
        raise Invalid("every", "Choose how far apart they go out.")
    taken: dict[int, int] = {}
    slots = []
    for row in rows:
        before = taken.get(row.account_id, 0)
        slots.append(Slot(row, first + timedelta(minutes=every_min * before)))
        taken[row.account_id] = before + 1
    return sorted(slots, key=lambda slot: (slot.at, slot.delivery.pk))


def release_paced(*, actor: Actor, slots: Sequence[Slot]) -> tuple[list[Slot], list[Stayed]]:
    """Release each at its time: those that were, and those that stay held and why.

    Each is an act of its own, checked again by itself, so one that may not go stops no other.
    """
    done: list[Slot] = []
    stayed: list[Stayed] = []
    for slot in slots:
        try:
            delivery_release(actor=actor, delivery=slot.delivery, due_at=slot.at)
        except (Invalid, NotAllowed, Stale) as refused:
            stayed.append(Stayed(slot.delivery, str(refused)))
        except NoSuchMove:
            stayed.append(Stayed(slot.delivery, "It has moved on since."))
        else:
            done.append(slot)
    return done, stayed

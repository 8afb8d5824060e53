"""What waits for a decision, and what changed since the last one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet

from accounts.levels import Capability
from accounts.policy import accounts_where
from audit.actors import Actor
from scheduling.elements import words_of
from scheduling.models import Approval, Delivery
from scheduling.states import State

PAGE = 50
COUNTED = 100
"""Counts beyond this read '99+'; nobody waits for a count of everything."""


def waiting(actor: Actor) -> QuerySet[Delivery]:
    """Deliveries in review on accounts the person may approve on, the next due first."""
    accounts = accounts_where(actor, Capability.APPROVE)
    rows = Delivery.objects.filter(state=State.IN_REVIEW, account__in=accounts)
    return rows.select_related("account", "post__author", "sender").order_by(
        F("due_at").asc(nulls_last=True), "pk"
    )


def queue(actor: Actor, *, after: tuple[datetime | None, int] | None = None) -> list[Delivery]:
    """A page of the queue and one more; `after` is the last row of the page before."""
    rows = waiting(actor)
    if after is not None:
        due, pk = after
        if due is None:
            rows = rows.filter(due_at=None, pk__gt=pk)
        else:
            later = rows.filter(due_at__gt=due) | rows.filter(due_at=due, pk__gt=pk)
            rows = later | rows.filter(due_at=None)
    return list(rows[: PAGE + 1])


@dataclass(frozen=True, slots=True)
class Before:
    """The last decision on a delivery, if any, and what it was on (`elements.words_of`)."""

    approval: Approval
    text: str
    pictures: list[dict[str, Any]]


def decided_before(delivery: Delivery) -> Before | None:
    """What was decided last, for the difference to what is asked now."""
    last = delivery.approvals.select_related("by").order_by("-pk").first()
    if last is None:
        return None
    return Before(last, words_of(last.content), list(last.content.get("media", [])))

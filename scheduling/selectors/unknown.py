"""Deliveries that may have gone out."""

from __future__ import annotations

from audit.actors import Actor
from scheduling.models import Delivery
from scheduling.selectors.posts import deliveries_visible
from scheduling.states import State

PAGE = 50


def in_doubt(actor: Actor, *, after: int = 0) -> list[Delivery]:
    """Unknown deliveries the person may view, by id, and one more than a page."""
    rows = deliveries_visible(actor).filter(state=State.UNKNOWN, pk__gt=after)
    return list(rows.order_by("pk")[: PAGE + 1])

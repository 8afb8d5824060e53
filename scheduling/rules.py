"""Rules that pages and services share and that change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import decide
from audit.actors import Actor
from scheduling.models import Delivery, Post

SLACK = timedelta(minutes=2)
"""How far in the past a due time may lie and still mean 'now': forms take a moment to fill in."""


def sends_without_review(actor: Actor, delivery: Delivery) -> bool:
    """Whether this person's word is enough on this account."""
    if delivery.account.approval_required:
        return False
    return bool(decide(actor, Capability.PUBLISH, delivery.account))


def checked_due(due_at: datetime | None) -> datetime:
    """A due time that can be kept; a moment ago means now. Raises Invalid."""
    now = timezone.now()
    if due_at is None:
        raise Invalid("due", "Choose when it goes out.")
    if due_at < now - SLACK:
        raise Invalid("due", "This time has passed. Choose a later one, or publish now.")
    return max(due_at, now)


def is_own_words(actor: Actor, delivery: Delivery) -> bool:
    """Whether this person wrote, changed or sent any of it."""
    if actor.id in (delivery.post.author_id, delivery.sender_id):
        return True
    if Post.history.filter(id=delivery.post_id, history_user_id=actor.id).exists():
        return True
    return bool(Delivery.history.filter(id=delivery.pk, history_user_id=actor.id).exists())


def due_words(delivery: Delivery) -> str:
    """Its time as a form carries it, to see later whether it is still the same; '' for none."""
    return delivery.due_at.astimezone(UTC).isoformat() if delivery.due_at else ""

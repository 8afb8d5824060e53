"""Rules that pages and services share and that change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django.db.models import Value
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import ALLOWED, Decision, accounts_where, decide
from audit.actors import Actor
from scheduling.models import Delivery, HoldKind, Post

SLACK = timedelta(minutes=2)
"""How far in the past a due time may lie and still mean 'now': forms take a moment to fill in."""


def sends_without_review(actor: Actor, delivery: Delivery) -> bool:
    """Whether this person's word is enough on this account."""
    if delivery.account.approval_required:
        return False
    return bool(decide(actor, Capability.PUBLISH, delivery.account))


def drafts_somewhere(actor: Actor) -> Decision:
    """Whether the person may add pictures and videos: to a post they may draft."""
    if accounts_where(actor, Capability.DRAFT).exists():
        return ALLOWED
    return Decision(False, "Pictures and videos are added by those who may draft posts.")


def release_needs(delivery: Delivery) -> tuple[Capability, ...]:
    """What it takes to release it: what a manager held back is not let go by anybody else."""
    if delivery.hold_kind in (HoldKind.PERSON, HoldKind.FROZEN):
        return (Capability.PUBLISH, Capability.MANAGE)
    return (Capability.PUBLISH,)


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
    return delivery.pk in own_words_among(actor, [delivery])


def own_words_among(actor: Actor, deliveries: Iterable[Delivery]) -> set[int]:
    """Which of these the person wrote, changed or sent any of: their ids, in one query at most."""
    rows = list(deliveries)
    own = {row.pk for row in rows if actor.id in (row.post.author_id, row.sender_id)}
    others = [row for row in rows if row.pk not in own]
    if not others or actor.id is None:
        return own
    versions = (
        (Post, "post", {row.post_id for row in others}),
        (Delivery, "delivery", {row.pk for row in others}),
    )
    of_posts, of_deliveries = (
        model.history.filter(id__in=ids, history_user_id=actor.id)
        .order_by()
        .values_list(Value(kind), "id")
        for model, kind, ids in versions
    )
    changed = set(of_posts.union(of_deliveries))
    return own | {
        row.pk
        for row in others
        if ("post", row.post_id) in changed or ("delivery", row.pk) in changed
    }


def due_words(delivery: Delivery) -> str:
    """Its time as a form carries it, to see later whether it is still the same; '' for none."""
    return delivery.due_at.astimezone(UTC).isoformat() if delivery.due_at else ""

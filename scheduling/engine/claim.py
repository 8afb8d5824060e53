"""The tick: gives due deliveries to workers, and takes them back from workers that died."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F
from django.utils import timezone

from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from scheduling.engine.points import Point, reached
from scheduling.gate import Shut, pass_gate
from scheduling.models import Attempt, Delivery, HoldKind, Outcome, Pause
from scheduling.states import State
from scheduling.transitions import move, move_many

CLAIM_LEASE = timedelta(seconds=10)
"""How long a claimed delivery may wait for a worker; nothing has been sent while it waits."""
BATCH = 500
DISPATCHER = Actor.worker("dispatcher")


def claim_due() -> list[tuple[int, int]]:
    """Claim what is due; (delivery id, fence) of each. Safe to run in several processes at once."""
    due = Delivery.objects.filter(state=State.SCHEDULED, next_try_at__lte=timezone.now())
    if not due.exists():
        return []
    return _claim(actor=DISPATCHER)


def take_back_expired() -> int:
    """Deliveries whose worker's lease ran out: in doubt if it had begun, else due again."""
    gone = Delivery.objects.filter(state=State.PUBLISHING, lease_until__lt=timezone.now())
    if not gone.exists():
        return 0
    return _take_back(actor=DISPATCHER)


@action("delivery.claimed", "delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _claim(*, actor: Actor) -> list[tuple[int, int]]:
    shut = pass_gate()
    now = timezone.now()
    rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=State.SCHEDULED, next_try_at__lte=now
    )
    due = list(rows.select_related("account", "post").order_by("next_try_at", "pk")[:BATCH])
    hold_paused(due, shut)
    claimed = [delivery for delivery in due if shut.over(delivery.account_id) is None]
    move_many(claimed, State.PUBLISHING, lease_until=now + CLAIM_LEASE, fence=F("fence") + 1)
    reached(Point.CLAIM_WRITTEN)
    return [(delivery.pk, delivery.fence + 1) for delivery in claimed]


def hold_paused(deliveries: Iterable[Delivery], shut: Shut) -> None:
    """Hold what is due and locked, each with the pause that is over it; part of an action."""
    held: dict[Pause, list[Delivery]] = {}
    for delivery in deliveries:
        pause = shut.over(delivery.account_id)
        if pause is not None:
            held.setdefault(pause, []).append(delivery)
    for pause, rows in held.items():
        move_many(
            rows,
            State.HELD,
            data={"reason": pause.held_reason},
            hold_kind=HoldKind.PAUSED,
            hold_reason=pause.held_reason[:500],
        )


@action("delivery.retried", "delivery.in_doubt", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _take_back(*, actor: Actor) -> int:
    now = timezone.now()
    rows = Delivery.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=State.PUBLISHING, lease_until__lt=now
    )
    expired = list(rows.select_related("account", "post").order_by("lease_until")[:BATCH])
    for delivery in expired:
        attempt = Attempt.objects.filter(delivery=delivery, fence=delivery.fence).first()
        if attempt is None:
            # Nobody began, so nothing was sent: the message was lost, not the post.
            move(delivery, State.SCHEDULED, next_try_at=now, data={"because": "no worker began"})
            continue
        Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.STARTED).update(
            outcome=Outcome.UNKNOWN,
            finished_at=now,
            message="The worker stopped in the middle of it.",
        )
        move(
            delivery,
            State.UNKNOWN,
            next_try_at=now,
            checks=0,
            problem="The worker that was sending it stopped in the middle.",
            data={"because": "the worker stopped"},
        )
    return len(expired)


def lease_end() -> datetime:
    """When the lease of a worker that begins or goes on now runs out; see engine.pulse."""
    return timezone.now() + timedelta(seconds=settings.PUBLISH_LEASE_S)

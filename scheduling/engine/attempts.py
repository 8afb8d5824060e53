"""The attempts at deliveries: what is due is claimed, checked again, and its attempt committed.

All before the network is touched; and written for many deliveries at once.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db.models import F, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.policy import by
from audit.actions import Line, action, record_many
from audit.actors import Actor, ActorKind
from scheduling.content import content_of, hash_of
from scheduling.engine.claim import SEEN_WITH_IT, lease_end, lock_due, with_people
from scheduling.engine.clock import TOLERANCE_S, lead_s
from scheduling.engine.lanes import Lanes
from scheduling.engine.order import due
from scheduling.engine.points import Point, reached
from scheduling.gate import OPEN, Shut, pass_gate
from scheduling.models import Attempt, Delivery
from scheduling.recheck import SendersRights, paused, why_not
from scheduling.states import State
from scheduling.transitions import move, move_many

log = structlog.get_logger(__name__)
PUBLISHER = Actor.worker("publisher")


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery whose attempt is committed: the network may be touched."""

    delivery: Delivery
    attempt: Attempt


class ClockLeapt(Exception):  # says what happened
    """The clock was moved while it was asked what is due; what was written is taken back."""


def take(limit: int, lanes: Lanes, *, lead: float | None = None) -> list[Begun]:
    """Claim what is due and write down its attempts, in one transaction; see claim_due, begin.

    `lead`: that of this process's clock when it was found right (engine.clock); nothing is taken if
    it has been moved since, for by a moved clock a post may be early, or overdue.
    """
    if not due(timezone.now()).exists():
        return []
    try:
        begun = _take(actor=PUBLISHER, limit=limit, lanes=lanes, lead=lead)
    except ClockLeapt:
        log.error("clock_leapt")
        return []
    if begun:
        reached(Point.ATTEMPT_COMMITTED)
    return begun


def begin(claims: Sequence[tuple[int, int]]) -> list[Begun]:
    """Write down the attempts of claimed deliveries (id, fence), as far as they may go out now.

    What may not is held; what is no longer the claim's is left out.
    """
    begun = _begin(actor=PUBLISHER, fences=dict(claims))
    if begun:
        reached(Point.ATTEMPT_COMMITTED)
    return begun


@action("delivery.tried", "delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _take(*, actor: Actor, limit: int, lanes: Lanes, lead: float | None) -> list[Begun]:
    good = _without_held(lock_due(limit, lanes))
    lease, now = lease_end(), timezone.now()
    for delivery in good:
        delivery.fence += 1
    attempts = _attempts_at(good, lease, now)
    # One event says both: that it was claimed, and that its attempt began.
    move_many(
        good,
        State.PUBLISHING,
        event="delivery.tried",
        data_of={attempt.delivery_id: _said_of(attempt) for attempt in attempts},
        lease_until=lease,
        fence=F("fence") + 1,
        stamp=Coalesce("stamp", now),
    )
    reached(Point.CLAIM_WRITTEN)
    begun = _written(attempts)
    if lead is not None and abs(lead_s() - lead) > TOLERANCE_S:
        raise ClockLeapt
    return begun


@action("delivery.tried", "delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _begin(*, actor: Actor, fences: Mapping[int, int]) -> list[Begun]:
    shut = pass_gate()  # nothing is begun once a pause is acknowledged
    rows = Delivery.objects.select_for_update(of=("self",)).select_related(*SEEN_WITH_IT)
    rows = rows.filter(pk__in=fences, state=State.PUBLISHING).order_by("pk")
    rows = rows.prefetch_related("attempts")
    claimed = with_people([row for row in rows if _is_unbegun(row, fences[row.pk])])
    good = _without_held(claimed, shut)
    lease, now = lease_end(), timezone.now()
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in good]).update(
        lease_until=lease, stamp=Coalesce("stamp", now)
    )
    attempts = _attempts_at(good, lease, now)
    record_many("delivery.tried", [_tried(each) for each in attempts])
    return _written(attempts)


def _attempts_at(deliveries: Sequence[Delivery], lease: datetime, now: datetime) -> list[Attempt]:
    """The attempts at locked deliveries, not yet written; their lease and stamp are as given."""
    for delivery in deliveries:
        # Platforms that take a key of ours derive it from the stamp, so it outlives every change
        # of plan.
        delivery.lease_until, delivery.stamp = lease, delivery.stamp or now
    return [_attempt_at(delivery) for delivery in deliveries]


def _written(attempts: Sequence[Attempt]) -> list[Begun]:
    if not attempts:
        return []
    Attempt.objects.bulk_create(attempts)
    reached(Point.ATTEMPT_WRITTEN)
    return [Begun(attempt.delivery, attempt) for attempt in attempts]


def _is_unbegun(delivery: Delivery, fence: int) -> bool:
    """Not so when a message comes twice, or comes late."""
    begun = {attempt.fence for attempt in delivery.attempts.all()}
    return delivery.fence == fence and fence not in begun


def _without_held(deliveries: Sequence[Delivery], shut: Shut = OPEN) -> list[Delivery]:
    """Those that may go out now; the others are held."""
    prefetch_related_objects(deliveries, "post__media", "attempts")
    prefetch_related_objects([each for each in deliveries if each.reviewed], "approvals")
    rights = SendersRights(deliveries)
    return [delivery for delivery in deliveries if not _held(delivery, shut, rights)]


def _held(delivery: Delivery, shut: Shut, rights: SendersRights) -> bool:
    hold = paused(delivery, shut) or why_not(delivery, rights=rights)
    if hold is None:
        return False
    move(
        delivery,
        State.HELD,
        fence=delivery.fence,
        data={"reason": hold.reason},
        hold_kind=hold.kind,
        hold_reason=hold.reason[:500],
    )
    return True


def _attempt_at(delivery: Delivery) -> Attempt:
    content = content_of(delivery)
    return Attempt(
        delivery=delivery,
        number=len(delivery.attempts.all()) + 1,
        fence=delivery.fence,
        worker=socket.gethostname()[:120],
        content=content,
        content_hash=hash_of(content),
    )


def _tried(attempt: Attempt) -> Line:
    delivery = attempt.delivery
    return Line(delivery, delivery.account, delivery.post_id, _said_of(attempt))


def _said_of(attempt: Attempt) -> dict[str, object]:
    return {"number": attempt.number, "content_hash": attempt.content_hash}

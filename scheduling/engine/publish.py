"""One attempt: check everything again, write it down, call the platform, write the outcome."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.utils import timezone

from accounts.connections import open_account
from accounts.health import health_note
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from platforms.contract import (
    AuthorisationLost,
    OutcomeUnknown,
    Outgoing,
    PlatformError,
    Published,
    Refused,
    ReplyRef,
    RetryLater,
)
from scheduling import events  # noqa: F401  # declares them
from scheduling.checks import described
from scheduling.content import content_of, hash_of
from scheduling.engine.claim import lease_end
from scheduling.engine.points import Point, reached
from scheduling.engine.pulse import pulse
from scheduling.gate import pass_gate
from scheduling.models import Attempt, Delivery, HoldKind, Outcome
from scheduling.recheck import paused, why_not
from scheduling.states import State
from scheduling.transitions import move

log = structlog.get_logger(__name__)
PUBLISHER = Actor.worker("publisher")
FIRST_LOOK = timedelta(seconds=2)
"""How soon after a doubtful outcome the platform is asked what became of it."""


class FenceLost(Exception):  # says what happened
    """The claim was taken away while the worker was at it; it must not go on."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery whose attempt is committed: the network may be touched."""

    delivery: Delivery
    attempt: Attempt


class StoredSteps:
    """Steps of a publish, kept on the delivery. Storing one also renews the lease."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._done: dict[str, Any] = dict(delivery.steps)

    def get(self, name: str) -> Any:
        return self._done.get(name)

    def put(self, name: str, result: Any) -> None:
        """Raises FenceLost when the delivery is no longer this worker's."""
        self._done[name] = result
        mine = Delivery.objects.filter(
            pk=self._delivery.pk, fence=self._delivery.fence, state=State.PUBLISHING
        )
        if not mine.update(steps=self._done, lease_until=lease_end()):
            raise FenceLost
        reached(Point.BEFORE_REQUEST)


def publish(delivery_id: int, fence: int) -> str:
    """Send one claimed delivery; returns the outcome's name, '' when the claim no longer stands."""
    reached(Point.PUBLISH_BEGUN)
    begun = _begin(actor=PUBLISHER, delivery_id=delivery_id, fence=fence)
    if begun is None:
        return ""
    reached(Point.ATTEMPT_COMMITTED)
    delivery = begun.delivery
    error: PlatformError | None = None
    published: Published | None = None
    try:
        with pulse.holding(delivery.pk, fence):
            published = _send(delivery)
    except FenceLost:
        log.warning("fence_lost", delivery=delivery.pk, fence=fence)
        return ""
    except PlatformError as raised:
        error = raised
    except Exception as raised:  # whatever a library throws, the truth is 'unknown'
        log.exception("adapter_fault", delivery=delivery.pk, kind=type(raised).__name__)
        error = OutcomeUnknown("The platform's answer could not be understood.", code="fault")
    reached(Point.AFTER_CALL)
    outcome = _finish(actor=PUBLISHER, begun=begun, published=published, error=error)
    reached(Point.OUTCOME_COMMITTED)
    log.info("publish", delivery=delivery.pk, account=delivery.account_id, outcome=outcome)
    if not isinstance(error, Refused):
        health_note(
            actor=PUBLISHER,
            account=delivery.account,
            error=None if isinstance(error, OutcomeUnknown) else error,
        )
    reached(Point.PUBLISH_ENDED)
    return outcome


def outgoing_of(delivery: Delivery, *, with_data: bool = True) -> Outgoing:
    """A delivery as its platform gets it; the same key and time at every attempt."""
    reply = delivery.reply_to
    return Outgoing(
        key=delivery.key.hex,
        text=delivery.text,
        created_at=delivery.stamp or delivery.created_at,
        images=described(delivery.post.media.all(), with_data=with_data),
        reply_to=ReplyRef(reply["remote_id"], reply.get("extra") or {}) if reply else None,
    )


def _send(delivery: Delivery) -> Published:
    try:
        post = outgoing_of(delivery)
    except OSError:
        raise RetryLater("A picture of this post could not be read just now.") from None
    return open_account(delivery.account).publish(post, steps=StoredSteps(delivery))


@action("delivery.tried", "delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _begin(*, actor: Actor, delivery_id: int, fence: int) -> Begun | None:
    shut = pass_gate()  # nothing is begun once a pause is acknowledged
    delivery = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("account", "post__author", "sender")
        .filter(pk=delivery_id, fence=fence, state=State.PUBLISHING)
        .first()
    )
    if delivery is None or Attempt.objects.filter(delivery=delivery, fence=fence).exists():
        return None  # a message come twice, or come late
    hold = paused(delivery, shut) or why_not(delivery)
    if hold is not None:
        move(
            delivery,
            State.HELD,
            fence=fence,
            data={"reason": hold.reason},
            hold_kind=hold.kind,
            hold_reason=hold.reason[:500],
        )
        return None
    content = content_of(delivery)
    attempt = Attempt.objects.create(
        delivery=delivery,
        number=delivery.attempts.count() + 1,
        fence=fence,
        worker=socket.gethostname()[:120],
        content=content,
        content_hash=hash_of(content),
    )
    delivery.lease_until = lease_end()
    # Platforms that take a key of ours derive it from this, so it outlives every change of plan.
    delivery.stamp = delivery.stamp or timezone.now()
    Delivery.objects.filter(pk=delivery.pk).update(
        lease_until=delivery.lease_until, stamp=delivery.stamp
    )
    record(
        "delivery.tried",
        subject=delivery,
        account=delivery.account,
        post_id=delivery.post_id,
        data={"number": attempt.number, "content_hash": attempt.content_hash},
    )
    reached(Point.ATTEMPT_WRITTEN)
    return Begun(delivery, attempt)


@action(
    "delivery.published",
    "delivery.retried",
    "delivery.failed",
    "delivery.in_doubt",
    "delivery.held",
    "delivery.settled",
    needs=by(ActorKind.WORKER),
    may_find_nothing=True,
)
def _finish(
    *, actor: Actor, begun: Begun, published: Published | None, error: PlatformError | None
) -> str:
    delivery, attempt = begun.delivery, begun.attempt
    current = (
        Delivery.objects.select_for_update(of=("self",))
        .select_related("account", "post")
        .get(pk=delivery.pk)
    )
    outcome = Outcome.PUBLISHED if error is None else _OUTCOMES[type(error)]
    Attempt.objects.filter(pk=attempt.pk).update(
        outcome=outcome,
        finished_at=timezone.now(),
        message=error.message[:500] if error else "",
        code=error.code[:64] if error else "",
    )
    if current.fence != delivery.fence:
        log.warning("late_outcome", delivery=delivery.pk, fence=delivery.fence, outcome=outcome)
        return ""
    if published is not None and current.state in (State.PUBLISHING, State.UNKNOWN):
        mark_published(current, published)
    elif error is not None and current.state == State.PUBLISHING:
        _STEPS_AFTER[type(error)](current, error)
    reached(Point.OUTCOME_WRITTEN)
    return outcome.value


def mark_published(delivery: Delivery, published: Published) -> None:
    """The platform said so; part of an action."""
    move(
        delivery,
        State.PUBLISHED,
        data={"permalink": published.permalink, "published_at": published.published_at},
        remote_id=published.remote_id[:255],
        permalink=published.permalink[:500],
        published_at=published.published_at,
        problem="",
        problem_code="",
    )


def backoff(tries: int, wish_s: float | None = None) -> timedelta:
    """How long to wait after `tries` failures: 5 s doubling to 5 min with jitter, or as asked."""
    if wish_s is not None:
        return timedelta(seconds=max(1.0, wish_s) + random.uniform(0, 1))  # noqa: S311  # no secret
    top = min(300.0, 5.0 * 2 ** min(tries, 10))
    return timedelta(seconds=random.uniform(top / 2, top))  # noqa: S311  # spreads load, no secret


def _retry(delivery: Delivery, error: PlatformError) -> None:
    wish = error.delay_s if isinstance(error, RetryLater) else None
    move(
        delivery,
        State.SCHEDULED,
        data={"message": error.message, "code": error.code},
        next_try_at=timezone.now() + backoff(delivery.tries, wish),
        tries=delivery.tries + 1,
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


def _fail(delivery: Delivery, error: PlatformError) -> None:
    move(
        delivery,
        State.FAILED,
        data={"message": error.message, "code": error.code},
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


def _hold(delivery: Delivery, error: PlatformError) -> None:
    reason = f"The platform no longer accepts the account's credentials: {error.message}"
    move(
        delivery,
        State.HELD,
        data={"reason": reason, "code": error.code},
        hold_kind=HoldKind.AUTHORISATION,
        hold_reason=reason[:500],
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


def _doubt(delivery: Delivery, error: PlatformError) -> None:
    move(
        delivery,
        State.UNKNOWN,
        data={"message": error.message, "code": error.code},
        next_try_at=timezone.now() + FIRST_LOOK,
        checks=0,
        problem=error.message[:500],
        problem_code=error.code[:64],
    )


_OUTCOMES: dict[type[PlatformError], Outcome] = {
    RetryLater: Outcome.RETRY,
    Refused: Outcome.REFUSED,
    AuthorisationLost: Outcome.AUTHORISATION,
    OutcomeUnknown: Outcome.UNKNOWN,
}
_STEPS_AFTER: dict[type[PlatformError], Callable[[Delivery, PlatformError], None]] = {
    RetryLater: _retry,
    Refused: _fail,
    AuthorisationLost: _hold,
    OutcomeUnknown: _doubt,
}

"""An attempt: check everything again, write it down, call the platform, write the outcome.

What is written is written for many deliveries at once; only the call is each one's own.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import connection
from django.db.models import F, prefetch_related_objects
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.connections import open_account
from accounts.health import health_note, health_note_good
from accounts.models import SocialAccount
from accounts.policy import by
from audit.actions import Line, action, record_many
from audit.actors import Actor, ActorKind
from platforms.contract import (
    DUPLICATE,
    AuthorisationLost,
    Deed,
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
from scheduling.engine.claim import SEEN_WITH_IT, lease_end, lock_due
from scheduling.engine.lanes import Lanes
from scheduling.engine.order import due
from scheduling.engine.points import Point, reached
from scheduling.engine.pulse import pulse
from scheduling.gate import OPEN, Shut, pass_gate
from scheduling.models import Attempt, Delivery, HoldKind, Outcome
from scheduling.recheck import SendersRights, paused, why_not
from scheduling.states import State
from scheduling.traffic.admission import Wish, spend
from scheduling.traffic.learning import learn
from scheduling.transitions import by_row, move, move_many

log = structlog.get_logger(__name__)
PUBLISHER = Actor.worker("publisher")
FIRST_LOOK = timedelta(seconds=2)
"""How soon after a doubtful outcome the platform is asked what became of it."""
FRESH = timedelta(seconds=1)
"""How long a claim that was seen to stand is believed; less than the shortest lease."""


class FenceLost(Exception):  # says what happened
    """The claim was taken away while the worker was at it; it must not go on."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A delivery whose attempt is committed: the network may be touched."""

    delivery: Delivery
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Sent:
    """What the call to the platform came to: `published` or `error`."""

    begun: Begun
    published: Published | None = None
    error: PlatformError | None = None


class StoredSteps:
    """Steps of a publish, kept on the delivery. Storing one also renews the lease."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._done: dict[str, Any] = dict(delivery.steps)
        self._renewed_at = timezone.now()

    def get(self, name: str) -> Any:
        return self._done.get(name)

    def put(self, name: str, result: Any) -> None:
        """Raises FenceLost when the delivery is no longer this worker's."""
        self._done[name] = result
        # A mere mark has nothing to be kept, and a lease just renewed cannot have run out.
        if result is not True or not self._is_fresh():
            self._store()
        reached(Point.BEFORE_REQUEST)

    def _is_fresh(self) -> bool:
        return timedelta(0) <= timezone.now() - self._renewed_at < FRESH

    def _store(self) -> None:
        mine = Delivery.objects.filter(
            pk=self._delivery.pk, fence=self._delivery.fence, state=State.PUBLISHING
        )
        stands = mine.update(steps=self._done, lease_until=lease_end())
        # Back to the pool: the upload that may come next takes longer than many a transaction.
        if not connection.in_atomic_block:
            connection.close()
        if not stands:
            raise FenceLost
        self._renewed_at = timezone.now()


def publish(delivery_id: int, fence: int) -> str:
    """Send one claimed delivery; returns the outcome's name, '' when the claim no longer stands."""
    for begun in begin([(delivery_id, fence)]):
        sent = send(begun)
        if sent is not None:
            return finish([sent])[delivery_id]
    return ""


def take(limit: int, lanes: Lanes) -> list[Begun]:
    """Claim what is due and write down its attempts, in one transaction; see claim_due, begin."""
    if not due(timezone.now()).exists():
        return []
    begun = _take(actor=PUBLISHER, limit=limit, lanes=lanes)
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


def send(begun: Begun) -> Sent | None:
    """Call the platform; None when the claim was taken away meanwhile. Writes no outcome."""
    delivery = begun.delivery
    try:
        with pulse.holding(delivery.pk, delivery.fence):
            sent = Sent(begun, published=_send(delivery))
    except FenceLost:
        log.warning("fence_lost", delivery=delivery.pk, fence=delivery.fence)
        return None
    except PlatformError as raised:
        sent = Sent(begun, error=raised)
    except Exception as raised:  # whatever a library throws, the truth is 'unknown'
        log.exception("adapter_fault", delivery=delivery.pk, kind=type(raised).__name__)
        fault = OutcomeUnknown("The platform's answer could not be understood.", code="fault")
        sent = Sent(begun, error=fault)
    reached(Point.AFTER_CALL)
    return sent


def finish(sent: Sequence[Sent]) -> dict[int, str]:
    """Write down the outcomes; their names by delivery, '' where the claim no longer stands."""
    outcomes = _finish(actor=PUBLISHER, sent=sent)
    reached(Point.OUTCOME_COMMITTED)
    good: list[SocialAccount] = []
    for each in sent:
        delivery, error = each.begun.delivery, each.error
        log.info(
            "publish",
            delivery=delivery.pk,
            account=delivery.account_id,
            outcome=outcomes[delivery.pk],
        )
        if error is None or isinstance(error, OutcomeUnknown):
            good.append(delivery.account)
        elif not isinstance(error, Refused):
            health_note(actor=PUBLISHER, account=delivery.account, error=error)
    if good:
        health_note_good(actor=PUBLISHER, accounts=good)
    reached(Point.PUBLISH_ENDED)
    return outcomes


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
    account = delivery.account
    if post.images and delivery.prepared_at is None:
        spend(Wish(account, {Deed.UPLOAD: len(post.images)}))
    adapter = open_account(account)
    try:
        published = adapter.publish(post, steps=StoredSteps(delivery))
    except PlatformError as error:
        learn(account, adapter=adapter, error=error)
        raise
    learn(account, adapter=adapter, error=None)
    return published


@action(
    "delivery.claimed",
    "delivery.tried",
    "delivery.held",
    needs=by(ActorKind.WORKER),
    may_find_nothing=True,
)
def _take(*, actor: Actor, limit: int, lanes: Lanes) -> list[Begun]:
    good = _without_held(lock_due(limit, lanes))
    lease, now = lease_end(), timezone.now()
    move_many(
        good,
        State.PUBLISHING,
        lease_until=lease,
        fence=F("fence") + 1,
        stamp=Coalesce("stamp", now),
    )
    for delivery in good:
        delivery.fence += 1
    reached(Point.CLAIM_WRITTEN)
    return _attempts_at(good, lease, now)


@action("delivery.tried", "delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _begin(*, actor: Actor, fences: Mapping[int, int]) -> list[Begun]:
    shut = pass_gate()  # nothing is begun once a pause is acknowledged
    rows = Delivery.objects.select_for_update(of=("self",)).select_related(*SEEN_WITH_IT)
    rows = rows.filter(pk__in=fences, state=State.PUBLISHING).order_by("pk")
    rows = rows.prefetch_related("attempts")
    claimed = [row for row in rows if _is_unbegun(row, fences[row.pk])]
    good = _without_held(claimed, shut)
    lease, now = lease_end(), timezone.now()
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in good]).update(
        lease_until=lease, stamp=Coalesce("stamp", now)
    )
    return _attempts_at(good, lease, now)


def _attempts_at(deliveries: Sequence[Delivery], lease: datetime, now: datetime) -> list[Begun]:
    """Write the attempts at claimed deliveries, whose lease and stamp have been written."""
    if not deliveries:
        return []
    for delivery in deliveries:
        # Platforms that take a key of ours derive it from the stamp, so it outlives every change
        # of plan.
        delivery.lease_until, delivery.stamp = lease, delivery.stamp or now
    attempts = Attempt.objects.bulk_create(map(_attempt_at, deliveries))
    begun = [Begun(*both) for both in zip(deliveries, attempts, strict=True)]
    record_many("delivery.tried", [_tried(each) for each in begun])
    reached(Point.ATTEMPT_WRITTEN)
    return begun


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


def _tried(begun: Begun) -> Line:
    delivery, attempt = begun.delivery, begun.attempt
    data = {"number": attempt.number, "content_hash": attempt.content_hash}
    return Line(delivery, delivery.account, delivery.post_id, data)


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
def _finish(*, actor: Actor, sent: Sequence[Sent]) -> dict[int, str]:
    known = {each.begun.delivery.pk: each.begun.delivery for each in sent}
    rows = Delivery.objects.select_for_update().filter(pk__in=known).order_by("pk")
    current = {delivery.pk: delivery for delivery in rows}
    for pk, delivery in current.items():  # these do not change: not read again
        delivery.account, delivery.post = known[pk].account, known[pk].post
    _note_attempts(sent)
    outcomes: dict[int, str] = {}
    went_out: dict[int, Published] = {}
    for each in sent:
        delivery, fence = current[each.begun.delivery.pk], each.begun.delivery.fence
        outcomes[delivery.pk] = _outcome_of(each).value
        if delivery.fence != fence:
            log.warning("late_outcome", delivery=delivery.pk, fence=fence)
            outcomes[delivery.pk] = ""
        elif each.published is not None and delivery.state == State.PUBLISHING:
            went_out[delivery.pk] = each.published
        elif each.published is not None and delivery.state == State.UNKNOWN:
            mark_published(delivery, each.published)
        elif each.error is not None and delivery.state == State.PUBLISHING:
            _step_after(each.error)(delivery, each.error)
    _mark_many_published([current[pk] for pk in went_out], went_out)
    reached(Point.OUTCOME_WRITTEN)
    return outcomes


def _outcome_of(sent: Sent) -> Outcome:
    return Outcome.PUBLISHED if sent.error is None else _OUTCOMES[type(sent.error)]


def _note_attempts(sent: Sequence[Sent]) -> None:
    """What each attempt came to; what went well is one statement for all."""
    now = timezone.now()
    good = [each.begun.attempt.pk for each in sent if each.error is None]
    Attempt.objects.filter(pk__in=good).update(
        outcome=Outcome.PUBLISHED, finished_at=now, message="", code=""
    )
    for each in sent:
        if each.error is not None:
            Attempt.objects.filter(pk=each.begun.attempt.pk).update(
                outcome=_outcome_of(each),
                finished_at=now,
                message=each.error.message[:500],
                code=each.error.code[:64],
            )


def _step_after(error: PlatformError) -> Callable[[Delivery, PlatformError], None]:
    if isinstance(error, Refused) and error.code == DUPLICATE:
        return _doubt  # the same text is there: ours, if an answer was lost, so it is looked up
    return _STEPS_AFTER[type(error)]


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


def _mark_many_published(deliveries: Sequence[Delivery], said: Mapping[int, Published]) -> None:
    """`mark_published` for many that were publishing, in two statements."""
    move_many(
        deliveries,
        State.PUBLISHED,
        data_of={
            pk: {"permalink": published.permalink, "published_at": published.published_at}
            for pk, published in said.items()
        },
        remote_id=by_row("remote_id", {pk: each.remote_id[:255] for pk, each in said.items()}),
        permalink=by_row("permalink", {pk: each.permalink[:500] for pk, each in said.items()}),
        published_at=by_row("published_at", {pk: each.published_at for pk, each in said.items()}),
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

"""Sending: the call to the platform, with steps that are stored, under a lease that is renewed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from django.db import connection
from django.utils import timezone

from accounts.connections import kept_adapter
from platforms.contract import (
    Deed,
    OutcomeUnknown,
    Outgoing,
    PlatformError,
    Published,
    ReplyRef,
    RetryLater,
)
from scheduling.attached import attached, attached_to, files_of, showing
from scheduling.content import media_of
from scheduling.elements import elements_from
from scheduling.engine.attempts import Begun, begin
from scheduling.engine.claim import lease_end
from scheduling.engine.outcomes import Sent, finish
from scheduling.engine.points import Point, reached
from scheduling.engine.pulse import pulse
from scheduling.models import Delivery
from scheduling.states import State
from scheduling.traffic.admission import Wish, spend
from scheduling.traffic.learning import learn

log = structlog.get_logger(__name__)
FRESH = timedelta(seconds=1)
"""How long a claim that was seen to stand is believed; less than the shortest lease."""


class FenceLost(Exception):  # says what happened
    """The claim was taken away while the worker was at it; it must not go on."""


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


def outgoing_of(delivery: Delivery, *, with_data: bool = True) -> Outgoing:
    """A delivery as its platform gets it; the same key and time at every attempt.

    Raises OSError and Refused where a picture or video cannot be had.
    """
    reply, account = delivery.reply_to, delivery.account
    media = attached_to(delivery) if with_data else attached(media_of(delivery), account.limits)
    plain = Outgoing(
        key=delivery.key.hex,
        text=delivery.text,
        created_at=delivery.stamp or delivery.created_at,
        reply_to=ReplyRef(reply["remote_id"], reply.get("extra") or {}) if reply else None,
    )
    post = elements_from(delivery.elements).onto(plain, account.info, account.base_url)
    return showing(post, media)


def _send(delivery: Delivery) -> Published:
    try:
        post = outgoing_of(delivery)
    except OSError:
        raise RetryLater("A picture or video of this post could not be read just now.") from None
    account = delivery.account
    uploads = files_of(post)
    if uploads and delivery.prepared_at is None:
        spend(Wish(account, {Deed.UPLOAD: uploads}))
    with kept_adapter(account) as adapter:
        try:
            published = adapter.publish(post, steps=StoredSteps(delivery))
        except PlatformError as error:
            learn(account, adapter=adapter, error=error)
            raise
        learn(account, adapter=adapter, error=None)
        return published

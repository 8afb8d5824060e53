"""Celery's way into the engine. A message is a hint; the database says what there is to do."""

from __future__ import annotations

from collections.abc import Iterable

from celery import shared_task

from scheduling.engine.claim import claim_due, claim_next, take_back_expired
from scheduling.engine.points import Point, reached
from scheduling.engine.publish import publish
from scheduling.engine.reconcile import due_looks, reconcile


@shared_task(name="scheduling.dispatch_due")
def dispatch_due() -> None:
    reached(Point.TICK_BEGUN)
    take_back_expired()
    claimed = claim_due()
    reached(Point.CLAIM_COMMITTED)
    _hand_over(claimed)
    reached(Point.HANDED_OVER)


@shared_task(name="scheduling.publish_delivery")
def publish_delivery(delivery_id: int, fence: int) -> None:
    publish(delivery_id, fence)
    # Of one account one goes out at a time: the next need not wait for the tick.
    _hand_over(claim_next(delivery_id))


def _hand_over(claimed: Iterable[tuple[int, int]]) -> None:
    for delivery_id, fence in claimed:
        publish_delivery.delay(delivery_id, fence)


@shared_task(name="scheduling.reconcile_unknown")
def reconcile_unknown() -> None:
    for delivery_id in due_looks():
        reconcile_delivery.delay(delivery_id)


@shared_task(name="scheduling.reconcile_delivery")
def reconcile_delivery(delivery_id: int) -> None:
    reconcile(delivery_id)

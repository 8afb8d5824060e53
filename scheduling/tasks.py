"""Celery's way into the engine. A message is a hint; the database says what there is to do."""

from __future__ import annotations

from celery import shared_task

from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.points import Point, reached
from scheduling.engine.publish import publish
from scheduling.engine.reconcile import due_looks, reconcile


@shared_task(name="scheduling.dispatch_due")
def dispatch_due() -> None:
    reached(Point.TICK_BEGUN)
    take_back_expired()
    claimed = claim_due()
    reached(Point.CLAIM_COMMITTED)
    for delivery_id, fence in claimed:
        publish_delivery.delay(delivery_id, fence)
    reached(Point.HANDED_OVER)


@shared_task(name="scheduling.publish_delivery")
def publish_delivery(delivery_id: int, fence: int) -> None:
    publish(delivery_id, fence)


@shared_task(name="scheduling.reconcile_unknown")
def reconcile_unknown() -> None:
    for delivery_id in due_looks():
        reconcile_delivery.delay(delivery_id)


@shared_task(name="scheduling.reconcile_delivery")
def reconcile_delivery(delivery_id: int) -> None:
    reconcile(delivery_id)

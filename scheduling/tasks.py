"""Celery's way into the engine. A message is a hint; the database says what there is to do."""

from __future__ import annotations

from celery import shared_task

from scheduling.engine.claim import claim_due, take_back_expired
from scheduling.engine.publish import publish
from scheduling.engine.reconcile import due_looks, reconcile


@shared_task(name="scheduling.dispatch_due")
def dispatch_due() -> None:
    take_back_expired()
    for delivery_id, fence in claim_due():
        publish_delivery.delay(delivery_id, fence)


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

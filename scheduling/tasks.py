"""Celery's way into the engine. A message is a hint; the database says what there is to do."""

from __future__ import annotations

from celery import shared_task

from operations import hearts
from scheduling.engine import lapses
from scheduling.engine.clock import clock
from scheduling.engine.correct import correct, due_corrections
from scheduling.engine.points import Point, reached
from scheduling.engine.prepare import LEAD, claim_soon, prepare
from scheduling.engine.publisher import publisher
from scheduling.engine.reconcile import due_looks, reconcile
from scheduling.services.media import TIDIER, media_discard

publisher.on_look = hearts.note_tick


@shared_task(name="scheduling.dispatch_due")
def dispatch_due() -> None:
    reached(Point.TICK_BEGUN)
    publisher.run()


@shared_task(name="scheduling.watch_rights")
def watch_rights() -> None:
    lapses.endings_look(actor=lapses.WATCHER)


@shared_task(name="scheduling.discard_uploads")
def discard_uploads() -> None:
    media_discard(actor=TIDIER)


@shared_task(name="scheduling.prepare_soon")
def prepare_soon() -> None:
    for delivery_id in claim_soon():
        # Once it is due there is nothing left to prepare.
        prepare_delivery.apply_async(args=(delivery_id,), expires=LEAD.total_seconds())


@shared_task(name="scheduling.prepare_delivery")
def prepare_delivery(delivery_id: int) -> None:
    prepare(delivery_id)


@shared_task(name="scheduling.send_corrections")
def send_corrections() -> None:
    if not clock.is_right():
        return
    for correction_id in due_corrections():
        send_correction.delay(correction_id)


@shared_task(name="scheduling.send_correction")
def send_correction(correction_id: int) -> None:
    correct(correction_id)


@shared_task(name="scheduling.reconcile_unknown")
def reconcile_unknown() -> None:
    if not clock.is_right():
        return
    for delivery_id in due_looks():
        reconcile_delivery.delay(delivery_id)


@shared_task(name="scheduling.reconcile_delivery")
def reconcile_delivery(delivery_id: int) -> None:
    reconcile(delivery_id)

"""What Celery runs for this room, on a queue of its own."""

from __future__ import annotations

import time

from celery import shared_task

from operations import outbox
from operations.sending import send

TURN_S = 20.0
"""One run sends for no longer than this; what is left comes with the next."""


@shared_task(name="operations.send_alerts")
def send_alerts() -> None:
    """Every few seconds: decide who is told what is new, and tell those whose time has come."""
    outbox.route()
    until = time.monotonic() + TURN_S
    while time.monotonic() < until and (message := outbox.claim()) is not None:
        send(message)

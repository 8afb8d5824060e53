"""One clock for all: a process whose own is not the database's does no work, and says so.

A worker whose clock is fast would send what is not due and hold what is; a slow one would let
leases lie. Times are compared with the database's when a process begins, now and then, and when its
clock has leapt.
"""

from __future__ import annotations

import time

import structlog
from django.db import connection
from django.utils import timezone

log = structlog.get_logger(__name__)
TOLERANCE_S = 3.0
ASK_AGAIN_S = 30.0


class Clock:
    """This process's clock, by what it was found to be."""

    def __init__(self) -> None:
        self.lead: float | None = None  # ahead of the monotonic clock, when it was right
        self._asked = 0.0

    def is_right(self) -> bool:
        """Whether this process may go by its own time."""
        now = time.monotonic()
        lead = lead_s()
        leapt = self.lead is None or abs(lead - self.lead) > TOLERANCE_S
        if not leapt and now - self._asked < ASK_AGAIN_S:
            return True
        wrong = wrong_by_s()
        self._asked = now
        self.lead = lead if abs(wrong) <= TOLERANCE_S else None
        if self.lead is None:
            log.error("clock_wrong", ahead_s=round(wrong, 1))
        return self.lead is not None


def lead_s() -> float:
    """How far the clock is ahead of the monotonic one, in seconds: changes when it is moved."""
    return timezone.now().timestamp() - time.monotonic()


def wrong_by_s() -> float:
    """How far our clock is ahead of the database's, in seconds; how long asking took is allowed."""
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        there = cursor.fetchone()[0]
    after = timezone.now()
    if there < before:
        return float((before - there).total_seconds())
    return float(min(0.0, (after - there).total_seconds()))


clock = Clock()

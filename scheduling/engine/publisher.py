"""The publisher of a worker process: claims what is due, sends several at once, writes outcomes.

One thread does all that is written, for many deliveries at once; the others only call platforms.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from scheduling.engine.attempts import Begun, begin, take
from scheduling.engine.claim import claim_due, next_due, take_back_expired
from scheduling.engine.clock import clock
from scheduling.engine.lanes import Lane, Lanes, lane_of
from scheduling.engine.outcomes import Sent, finish
from scheduling.engine.publish import send

log = structlog.get_logger(__name__)
T = TypeVar("T")
R = TypeVar("R")

SENDERS = 128
"""Calls of one process under way at once; see engine.lanes for how platforms share them."""
ENOUGH = 40
"""While more is due than may go out, so many calls are awaited before their outcomes are written
and others are claimed: rows are cheaper by the dozen."""
LINGER_S = 0.2
"""But for no longer than this after the first of them."""
LOOK_S = 1.0
"""How often who is at work looks for what a tick would tell; and how long a database is left be."""
AHEAD = timedelta(seconds=3)
"""Who finds that something falls due so soon waits for it; by then ticks have woken the others."""
AWAY = (OperationalError, InterfaceError)
"""The database does not answer: that is nobody's fault in here, and it will pass."""


class Publisher:
    """Sends what is due until nothing is; one run at a time, in whichever thread."""

    def __init__(self) -> None:
        self._senders = ThreadPoolExecutor(SENDERS, thread_name_prefix="sender")
        self._turn = Lock()
        self._closing = Event()
        self._under_way: dict[int, Lane] = {}  # by delivery
        self._landed: SimpleQueue[tuple[int, Sent | None]] = SimpleQueue()
        self._unwritten: list[Sent] = []
        self._crowded = False  # more was due than there was room for
        self._looked_at = 0.0
        self.on_look: Callable[[], None] = lambda: None  # a sign that what is due is looked for

    def close(self) -> None:
        """Claim nothing more: a run ends as soon as what it has under way is written down."""
        self._closing.set()

    def run(self) -> None:
        """Work until nothing is due, or will be soon. Returns at once if a run is under way."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            while self._step():
                pass
        finally:
            self._turn.release()

    def _step(self) -> bool:
        """Write down what has come back, take on what is due, wait; False when that was all."""
        try:
            self._write_down()
            pause_s = self._take_on()
        except AWAY as error:
            # What went out is not forgotten over this: it is written down when there is a way.
            log.warning("database_away", kind=type(error).__name__, unwritten=len(self._unwritten))
            connection.close()
            pause_s = LOOK_S
        if self._under_way:
            self._gather(LOOK_S if pause_s is None else pause_s)
            return True
        if self._unwritten or (pause_s is not None and not self._closing.is_set()):
            time.sleep(pause_s or 0.0)
            return True
        return False

    def _write_down(self) -> None:
        for _ in _together(finish, self._unwritten):
            pass
        self._unwritten.clear()

    def _take_on(self) -> float | None:
        """Claim and begin what there is room for; seconds until there may be more, if there may."""
        if self._closing.is_set() or not clock.is_right():
            return None
        if time.monotonic() - self._looked_at >= LOOK_S:
            self._looked_at = time.monotonic()
            self.on_look()
            take_back_expired()
        lanes = Lanes(SENDERS, self._under_way.values())
        for begun in _taken(SENDERS - len(self._under_way), lanes):
            self._under_way[begun.delivery.pk] = lane_of(begun.delivery.account)
            self._senders.submit(self._send, begun)
        self._crowded = lanes.are_crowded
        if self._crowded:
            return LOOK_S
        now = timezone.now()
        soon = next_due(now + AHEAD)
        return min(LOOK_S, max(0.0, (soon - now).total_seconds())) if soon else None

    def _send(self, begun: Begun) -> None:
        """`send` in a thread of its own."""
        sent: Sent | None = None
        try:
            sent = send(begun)
        finally:
            connection.close()  # back to the pool, if it was needed
            self._landed.put((begun.delivery.pk, sent))

    def _gather(self, pause_s: float) -> None:
        """Wait for calls to end: for one, or for ENOUGH when there is no room for more."""
        until = time.monotonic() + pause_s
        wanted = ENOUGH if self._crowded else 1
        while self._under_way and (wanted > 0 or not self._landed.empty()):
            try:
                delivery_id, sent = self._landed.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                return
            del self._under_way[delivery_id]
            if sent is not None:
                self._unwritten.append(sent)
            wanted -= 1
            until = min(until, time.monotonic() + LINGER_S)


def _taken(limit: int, lanes: Lanes) -> Iterator[Begun]:
    """Claim and begin at once; where that fails, begin one by one, so that one harms no other."""
    try:
        yield from take(limit, lanes, lead=clock.lead)
    except AWAY:
        raise
    except Exception:
        log.exception("deliveries_fault", step="take")
        for begun in _together(begin, claim_due(limit)):
            yield from begun


def _together(step: Callable[[Sequence[T]], R], items: Sequence[T]) -> Iterator[R]:
    """Take the step for all at once; where that fails, one by one, so that one harms no other."""
    if not items:
        return
    try:
        yield step(items)
    except AWAY:
        raise
    except Exception:
        if len(items) == 1:
            log.exception("delivery_fault", step=step.__name__)
            return
        for item in items:
            yield from _together(step, [item])


publisher = Publisher()

"""The sign of life of a process: it renews the leases of the calls it has under way.

A lease is short, so that a dead worker is noticed within seconds, and a call may be long. As long
as its process lives, the lease of a call goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import reduce
from operator import or_

import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.models import Q
from django.db.models.functions import Now

from scheduling.models import Delivery
from scheduling.states import State

log = structlog.get_logger(__name__)
BEATS_A_LEASE = 4
"""So many renewals in one lease: a missed one or two do no harm."""


class Pulse:
    """The calls under way in this process, and the thread that speaks for them while there are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: set[tuple[int, int]] = set()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, delivery_id: int, fence: int) -> Iterator[None]:
        """Keep the claim `fence` of this delivery inside the block."""
        with self._lock:
            self._held.add((delivery_id, fence))
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat, name="pulse", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._held.discard((delivery_id, fence))

    def _beat(self) -> None:
        pause = threading.Event()
        while True:
            pause.wait(settings.PUBLISH_LEASE_S / BEATS_A_LEASE)
            with self._lock:
                held = list(self._held)
                if not held:
                    self._thread = None
                    return
            try:
                renew(held)
            except Error as error:  # the database is away: the lease outlives a few of these
                log.warning("lease_not_renewed", kind=type(error).__name__)
            finally:
                connection.close()  # back to the pool


def renew(held: list[tuple[int, int]]) -> int:
    """Renew the leases of these (delivery id, fence); how many still stood."""
    claims = reduce(or_, (Q(pk=pk, fence=fence) for pk, fence in held))
    # One that ran out while the database was away and that nobody took back is still ours.
    # By the database's time: a clock that leaps in the middle of a call makes no lease of an hour.
    return Delivery.objects.filter(claims, state=State.PUBLISHING).update(
        lease_until=Now() + timedelta(seconds=settings.PUBLISH_LEASE_S)
    )


pulse = Pulse()

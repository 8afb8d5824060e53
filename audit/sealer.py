"""The sealer as a process: seals what waits, round after round, until it is told to stop.

It needs neither broker nor workers: what is recorded while these are down or overloaded is sealed
all the same. Several may run; one seals at a time.
"""

from __future__ import annotations

from threading import Event as Flag

import structlog
from django.db import Error, connection

from audit.sealing import seal

log = structlog.get_logger(__name__)

PAUSE_S = 0.5
TROUBLE_PAUSE_S = 2.0
WAITS_TOO_LONG_S = 30
"""A sealer that works seals within two seconds; this is for those who ask whether it does."""


def keep_sealing(stop: Flag) -> None:
    """Seal until `stop` is set. A database that is away is waited for."""
    pause = 0.0
    while not stop.wait(pause):
        pause = _round()


def _round() -> float:
    """Seal one batch; how long to wait for the next."""
    try:
        if not something_waits():
            return PAUSE_S
        done = seal()
    except Error:
        log.exception("sealing_failed")
        connection.close()
        return TROUBLE_PAUSE_S
    return 0.0 if done and done.more else PAUSE_S


def something_waits() -> bool:
    """Whether an event waits for its place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit_unsealed)")
        return bool(cursor.fetchone()[0])


def longest_wait_s() -> float:
    """For how many seconds the oldest unsealed event has waited; 0 where none does."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM clock_timestamp() - min(e.occurred_at))"
            " FROM (SELECT event_id FROM audit_unsealed ORDER BY event_id LIMIT 1000) AS q"
            " JOIN audit_event e ON e.id = q.event_id"
        )
        waited = cursor.fetchone()[0]
    return max(0.0, float(waited or 0))

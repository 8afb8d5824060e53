"""A breaker for each server: when it is down, posts for it wait instead of keeping workers busy.

Closed: everything goes. It opens after FAILURES in a row from several accounts. Open: nothing goes
until the pause is over. Then half-open: one post goes as a probe; if it gets through, the breaker
closes and what waited goes at once, else the pause begins anew, longer. That an account could be
read brings the probe forward. Only what published closes it: a server may answer readers and refuse
writers.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import structlog

from scheduling.traffic.servers import Server
from scheduling.traffic.store import key, pipeline, redis

log = structlog.get_logger(__name__)

FAILURES = 5
"""Failures in a row that open it, when they come from two accounts or more; of one account alone
twice as many, since its own trouble may look the same."""
FAILURES_LAST_S = 300
FIRST_PAUSE_S = 15
LONGEST_PAUSE_S = 300
PROBE_S = 90
"""How long a probe may take before another is sent; longer than any request."""
KEPT_S = 6 * 3_600
"""An open breaker that nothing was heard of for so long is forgotten; closed is safe."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An open breaker. Times in seconds since 1970."""

    since: float
    why: str
    probe_at: float
    pause_s: float

    @property
    def since_at(self) -> datetime:
        return datetime.fromtimestamp(self.since, UTC)

    @property
    def next_probe_at(self) -> datetime:
        return datetime.fromtimestamp(self.probe_at, UTC)


def open_key(server: Server) -> str:
    return key("open", server)


def probe_key(server: Server) -> str:
    return key("probe", server)


def last_success_key(server: Server) -> str:
    return key("success", server)


def read_opened(stored: str | bytes | None) -> Opened | None:
    """What is stored under `open_key`; None for a closed breaker."""
    return Opened(**json.loads(stored)) if stored else None


def take_probe(server: Server) -> bool:
    """Whether the caller is the one that may try now."""
    return bool(redis().set(probe_key(server), "1", nx=True, ex=PROBE_S))


def give_up_probe(server: Server) -> None:
    """The probe ended in a way that says nothing of the server."""
    redis().delete(probe_key(server))


def note_failure(server: Server, account_id: int, why: str) -> bool:
    """Count a failure that was the platform's; whether the breaker opened by it."""
    now = time.time()
    count, accounts = key("failures", server), key("failing", server)
    with pipeline() as asked:
        asked.incr(count)
        asked.expire(count, FAILURES_LAST_S)
        asked.sadd(accounts, account_id)
        asked.expire(accounts, FAILURES_LAST_S)
        asked.scard(accounts)
        asked.get(open_key(server))
        asked.delete(probe_key(server))
        failures, _, _, _, several, stored, probed = asked.execute()
    opened = read_opened(stored)
    if opened is not None:
        if probed:
            pause = min(LONGEST_PAUSE_S, opened.pause_s * 2)
            _store(server, replace(opened, why=why, probe_at=now + pause, pause_s=pause))
        return False
    if failures < (FAILURES if several > 1 else 2 * FAILURES):
        return False
    opened = Opened(now, why, now + FIRST_PAUSE_S, FIRST_PAUSE_S)
    # Several workers may see the last failure at once: one of them opens it.
    return bool(redis().set(open_key(server), json.dumps(asdict(opened)), nx=True, ex=KEPT_S))


def note_success(server: Server) -> bool:
    """Something was published; whether the breaker closed by it."""
    with pipeline() as asked:
        asked.set(last_success_key(server), time.time(), ex=30 * 86_400)
        asked.delete(key("failures", server), key("failing", server), probe_key(server))
        asked.delete(open_key(server))
        closed = asked.execute()[-1]
    return bool(closed)


def note_read(server: Server) -> bool:
    """Something could be read; whether a post may try at once that had to wait before."""
    opened = read_opened(redis().get(open_key(server)))
    now = time.time()
    if opened is None or opened.probe_at <= now:
        return False
    _store(server, replace(opened, probe_at=now))
    return True


def _store(server: Server, opened: Opened) -> None:
    redis().set(open_key(server), json.dumps(asdict(opened)), xx=True, ex=KEPT_S)

"""Signs of life: what each process of Socialdesk says of itself every few seconds.

They are in Redis, which all processes need anyway; when it forgets, it is told again in seconds.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import redis
from django.conf import settings

EVERY_S = 5
DEAD_AFTER_S = 20.0
"""A process silent for longer is dead, stuck or cut off."""
FORGET_AFTER_S = 3600.0
_KEY = "socialdesk:signs"
_TICK = "tick"
_STARTED = time.time()


@dataclass(frozen=True, slots=True)
class Heart:
    """The last word of one process."""

    kind: str  # 'worker', 'beat'
    name: str
    at: datetime
    started_at: datetime
    rss_bytes: int
    cpu_s: float
    age_s: float

    @property
    def is_alive(self) -> bool:
        return self.age_s < DEAD_AFTER_S


@dataclass(frozen=True, slots=True)
class Signs:
    """What Redis knew when it was asked; `answers`: whether it did answer."""

    answers: bool
    tick_age_s: float | None = None  # None: no tick is known of
    hearts: tuple[Heart, ...] = ()
    queues: tuple[tuple[str, int], ...] = ()

    def alive(self, kind: str) -> int:
        return sum(heart.is_alive for heart in self.hearts if heart.kind == kind)


def beat(kind: str, name: str = "") -> None:
    """Say that this process lives. A broker that is away is no reason to die."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    said = {
        "at": time.time(),
        "started": _STARTED,
        "rss": _rss_bytes(),
        "cpu": usage.ru_utime + usage.ru_stime,
    }
    _say(_field(kind, name), json.dumps(said))


def note_tick() -> None:
    """Say that a tick of the clock has reached a worker."""
    _say(_TICK, str(time.time()))


def stop(kind: str, name: str = "") -> None:
    """Say that this process has ended in good order."""
    with contextlib.suppress(redis.RedisError):
        _client().hdel(_KEY, _field(kind, name))


def signs() -> Signs:
    """What all processes last said, the dead first, and how long the queues are."""
    try:
        pipe = _client().pipeline(transaction=False)
        pipe.hgetall(_KEY)
        names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
        for name in names:
            pipe.llen(name)
        said, *lengths = pipe.execute()
    except redis.RedisError:
        return Signs(answers=False)
    now = time.time()
    tick = said.pop(_TICK, None)
    hearts = [_heart(field, json.loads(words), now) for field, words in said.items()]
    lately = [heart for heart in hearts if heart.age_s < FORGET_AFTER_S]
    if gone := [f"{h.kind}:{h.name}" for h in hearts if h not in lately]:
        with contextlib.suppress(redis.RedisError):
            _client().hdel(_KEY, *gone)
    return Signs(
        answers=True,
        tick_age_s=None if tick is None else max(0.0, now - float(tick)),
        hearts=tuple(sorted(lately, key=lambda h: (h.is_alive, h.kind, h.name))),
        queues=tuple(zip(names, lengths, strict=True)),
    )


def _say(field: str, words: str) -> None:
    with contextlib.suppress(redis.RedisError):
        _client().hset(_KEY, field, words)


def _field(kind: str, name: str) -> str:
    return f"{kind}:{name or f'{socket.gethostname()}/{os.getpid()}'}"


def _heart(field: str, said: dict[str, Any], now: float) -> Heart:
    kind, _, name = field.partition(":")
    return Heart(
        kind=kind,
        name=name,
        at=datetime.fromtimestamp(said["at"], UTC),
        started_at=datetime.fromtimestamp(said["started"], UTC),
        rss_bytes=int(said["rss"]),
        cpu_s=float(said["cpu"]),
        age_s=max(0.0, now - said["at"]),
    )


def _rss_bytes() -> int:
    """Memory in use now; where /proc is not there, the most there ever was (in KiB on Linux)."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@cache
def _client() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL, decode_responses=True, socket_timeout=2, socket_connect_timeout=2
    )

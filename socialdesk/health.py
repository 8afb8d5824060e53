"""Is this process alive (/healthz), and can it do its work (/readyz)."""

from __future__ import annotations

import time

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from operations import hearts

SEEN_FOR_S = 10.0


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Alive. Asks nothing of other servers, so that their trouble does not restart this one."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when database (with all migrations) and broker answer, else 503 with what does not.

    A clock that stands still is said, and is no reason to answer 503: the pages work, and taking
    them away as well would help nobody.
    """
    checks = {"database": _database(), "broker": _broker()}
    good = all(answer == "ok" for answer in checks.values())
    clock = _clock() if checks["broker"] == "ok" else "unknown"
    status = ("ok" if clock == "ok" else "degraded") if good else "unavailable"
    return JsonResponse({"status": status, **checks, "clock": clock}, status=200 if good else 503)


def _database() -> str:
    try:
        executor = MigrationExecutor(connection)
        waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError:
        return "does not answer"
    return f"{len(waiting)} migrations to run" if waiting else "ok"


def _broker() -> str:
    return "ok" if broker_answers() else "does not answer"


def broker_answers() -> bool:
    """Whether Redis answers a ping within two seconds."""
    try:
        with redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2
        ) as asked:
            return bool(asked.ping())
    except redis.RedisError:
        return False


def broker_seen() -> bool:
    """The same, asked at most once in SEEN_FOR_S by each process: what every page is told."""
    now = time.monotonic()
    if now > _seen["until"]:
        _seen.update(until=now + SEEN_FOR_S, answers=broker_answers())
    return bool(_seen["answers"])


_seen: dict[str, float] = {"until": 0.0, "answers": True}


def _clock() -> str:
    age = hearts.signs().tick_age_s
    if age is None:
        return "has not ticked yet"
    return "ok" if age < hearts.DEAD_AFTER_S else f"has not ticked for {age:.0f} s"

"""Is this process alive (/healthz), and can it do its work (/readyz)."""

from __future__ import annotations

import redis
from django.core.cache import caches
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from operations import hearts


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
    try:
        caches["default"].get("readyz")
    except redis.RedisError:
        return "does not answer"
    return "ok"


def _clock() -> str:
    age = hearts.signs().tick_age_s
    if age is None:
        return "has not ticked yet"
    return "ok" if age < hearts.DEAD_AFTER_S else f"has not ticked for {age:.0f} s"

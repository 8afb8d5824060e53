"""The connection to Redis and the names in it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection
from redis import Redis
from redis.backoff import NoBackoff
from redis.client import Pipeline
from redis.retry import Retry

PATIENCE_S = 0.5
"""Longer than this nobody waits for Redis: without it everything goes on as if it knew nothing."""

namespace = "traffic"
"""First part of the names; each test has its own."""


@cache
def redis() -> Redis:
    """One client for the process; safe to use from several threads."""
    made: Redis = Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        socket_timeout=PATIENCE_S,
        socket_connect_timeout=PATIENCE_S,
        retry=Retry(NoBackoff(), 1),  # of itself the library tries for seconds
    )
    return made


def pipeline() -> Pipeline:
    """Several commands in one round trip; each is atomic, all of them together are not."""
    made: Pipeline = redis().pipeline(transaction=False)
    return made


def key(*parts: Any) -> str:
    """A name of this installation: another may share the Redis, with a database of its own."""
    database = connection.settings_dict["NAME"]
    return ":".join(["socialdesk", str(database), namespace, *map(str, parts)])

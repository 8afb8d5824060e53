"""Redis as a cache: what is in it may be forgotten, so its absence stops no page."""

from __future__ import annotations

from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

log = structlog.get_logger(__name__)


class ForgetfulCache(RedisCache):
    """While Redis is away nothing is kept and nothing is found; each page works as far as it can.

    What counts attempts to sign in (django-axes) is in the database, and goes on counting.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        try:
            return bool(super().add(*args, **kwargs))
        except redis.RedisError as error:
            self._away(error)
            return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        try:
            return super().get(key, default, version)
        except redis.RedisError as error:
            self._away(error)
            return default

    def set(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().set(*args, **kwargs)
        except redis.RedisError as error:
            self._away(error)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        try:
            return bool(super().delete(*args, **kwargs))
        except redis.RedisError as error:
            self._away(error)
            return False

    @staticmethod
    def _away(error: redis.RedisError) -> None:
        log.warning("cache_away", kind=type(error).__name__)

"""What a person sees when a page cannot be made: plain words, what was kept, what to do."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator

import redis
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.defaults import server_error as plain_server_error

_FULL = ("There is no room left on the server’s disk", "disk")
_DATABASE = ("The database does not answer", "database")
_BROKER = ("Redis does not answer", "broker")
_DISK_FULL = "53100"  # PostgreSQL's error code disk_full


def server_error(request: HttpRequest) -> HttpResponse:
    """503 where something behind Socialdesk is gone, so that it is tried again; else 500."""
    missing = _missing(sys.exc_info()[1])
    if missing is None:
        return plain_server_error(request)
    title, what = missing
    # Without the request: what every page's frame asks for is what is gone.
    page = render_to_string("503.html", {"reason": title, "what": what})
    return HttpResponse(
        page, status=503, headers={"Retry-After": "10", "Cache-Control": "no-store"}
    )


def _missing(error: BaseException | None) -> tuple[str, str] | None:
    """What is gone, as a title and a word; None for a fault of our own."""
    for one in _chain(error):
        if getattr(one, "sqlstate", None) == _DISK_FULL or _is_full(one):
            return _FULL
    for one in _chain(error):
        if isinstance(one, OperationalError | InterfaceError):
            return _DATABASE
        if isinstance(one, redis.RedisError):
            return _BROKER
    return None


def _is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(10):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__

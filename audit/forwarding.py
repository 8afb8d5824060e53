"""The record goes on to where an organisation watches its systems: in order, and at least once.

What is sent is what is sealed, in the order of the seal; how far a place has taken it is in the
database, and moves when it has. A place that is away gets all of it when it is back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audit.actions import REFUSED
from audit.actors import Actor
from audit.exporting import as_row
from audit.models import Event, Forward, Leaf
from audit.services.keeping import forward_failing_record, forward_recovered_record
from audit.syslog import NotTaken, Papers, deliver, message
from audit.witnesses import AGAIN_AFTER

log = structlog.get_logger(__name__)

BATCH = 500
_LOCK = 0x5EA3  # of PostgreSQL's advisory locks, with the place's own number
WORKER = Actor.worker("forwarder")

Lines = Sequence[Mapping[str, Any]]
Send = Callable[[str, Lines], None]
"""Takes a place and a batch. Raises NotTaken."""


def name_of(place: str) -> str:
    """What a place is called: without what an address may hold of secrets."""
    parts = urlsplit(place)
    port = f":{parts.port}" if parts.port else ""
    mark = f" ({sha256(place.encode()).hexdigest()[:6]})" if parts.scheme == "https" else ""
    return f"{parts.scheme}://{parts.hostname}{port}{mark}"[:200]


def to_syslog(place: str, lines: Lines) -> None:
    """Hand a batch to a syslog receiver. Raises NotTaken."""
    host = urlsplit(settings.BASE_URL).hostname or "-"
    texts = [message(one, host=host, warning=one["event"] == REFUSED) for one in lines]
    papers = Papers(settings.FORWARD_CA, settings.FORWARD_CERTIFICATE, settings.FORWARD_KEY)
    deliver(urlsplit(place), texts, papers)


SENDERS: Mapping[str, Send] = {"syslog+tls": to_syslog, "syslog+tcp": to_syslog}


def forward(place: str, senders: Mapping[str, Send] = SENDERS) -> bool:
    """Hand one place the next batch; whether there may be more. One process at a time does so."""
    with transaction.atomic():
        if not _alone(place):
            return False
        state, _ = Forward.objects.get_or_create(name=name_of(place))
        now = timezone.now()
        if state.failing_since and state.tried_at and state.tried_at + AGAIN_AFTER > now:
            return False
        lines = _next(state.next_index)
        if not lines:
            return False
        state.tried_at = now
        try:
            send = senders.get(urlsplit(place).scheme)
            if send is None:
                raise NotTaken("There is no such way: syslog+tls, syslog+tcp or https.")
            send(place, lines)
        except NotTaken as failure:
            _has_failed(state, str(failure))
        else:
            _has_taken(state, lines)
        state.save()
        return not state.failing_since and len(lines) == BATCH


def _alone(place: str) -> bool:
    number = crc32(place.encode()) - 2**31  # an integer of four bytes has a sign
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", [_LOCK, number])
        return bool(cursor.fetchone()[0])


def _next(first: int) -> list[dict[str, Any]]:
    """The events from a place of the seal on. Places have no gaps and are committed in order."""
    leaves = list(Leaf.objects.filter(index__gte=first).order_by("index")[:BATCH])
    events = Event.objects.defer("search", "words").in_bulk([leaf.event_id for leaf in leaves])
    return [
        {"place": leaf.index, "hash": bytes(leaf.hash).hex(), **_told(events.get(leaf.event_id))}
        for leaf in leaves
    ]


def _told(event: Event | None) -> dict[str, Any]:
    if event is None:  # somebody took it out of the database: the place speaks for itself
        return {"time": timezone.now().isoformat(), "event": "record.line_missing"}
    return as_row(event, event.data)


def _has_failed(state: Forward, error: str) -> None:
    log.warning("forwarding_failing", place=state.name, error=error)
    state.error = error[:200]
    if state.failing_since is None:
        state.failing_since = state.tried_at
        forward_failing_record(actor=WORKER, place=state.name, error=state.error)


def _has_taken(state: Forward, lines: Lines) -> None:
    state.next_index, state.taken_at = lines[-1]["place"] + 1, timezone.now()
    if state.failing_since is not None:
        state.failing_since, state.error = None, ""
        forward_recovered_record(actor=WORKER, place=state.name)

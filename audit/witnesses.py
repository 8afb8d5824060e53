"""Checkpoints leave the server: to files on another mount, by HTTPS, by e-mail.

What a witness has taken cannot be unsaid by whoever owns this server; what came after it could.
Each gets the newest checkpoint, which speaks for all before it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection, transaction
from django.utils import timezone

from audit.actors import Actor
from audit.models import Checkpoint, Witness
from audit.services.keeping import witness_failing_record, witness_recovered_record

log = structlog.get_logger(__name__)

AGAIN_AFTER = timedelta(seconds=15)
"""How long a witness that failed is left alone."""
_LOCK = 0x5EA2  # of PostgreSQL's advisory locks
WORKER = Actor.worker("witness")

Send = Callable[[str, str], None]
"""Takes a place and a note. Raises WitnessFailed."""


class WitnessFailed(Exception):
    """A witness did not take a checkpoint. The message is for people and holds no secret."""


def name_of(place: str) -> str:
    """What a witness is called: its place, without what an address may hold of secrets."""
    if not place.startswith("https:"):
        return place[:200]
    mark = sha256(place.encode()).hexdigest()[:6]
    return f"https://{urlsplit(place).hostname} ({mark})"[:200]


def to_file(place: str, note: str) -> None:
    """Append to a file, and be sure that it is on the disk."""
    path = Path(place.removeprefix("file:"))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{note}\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WitnessFailed(f"The file cannot be written: {error.strerror}.") from None


def to_mail(place: str, note: str) -> None:
    """Send an e-mail."""
    origin, size, *_ = note.splitlines()
    subject = f"Checkpoint of the record {origin}: {size} lines"
    try:
        send_mail(subject, note, None, [place.removeprefix("mailto:")])
    except OSError as error:  # also what smtplib raises
        raise WitnessFailed(f"The mail server did not take it: {type(error).__name__}.") from None


SENDERS: Mapping[str, Send] = {"file": to_file, "mailto": to_mail}


def show_all(senders: Mapping[str, Send] = SENDERS) -> None:
    """Show the newest checkpoint to every witness that has not seen it. One process at a time."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
            mine = cursor.fetchone()[0]
        checkpoint = Checkpoint.objects.first() if mine else None
        if checkpoint is None:
            return
        known = {witness.name: witness for witness in Witness.objects.all()}
        for place in settings.WITNESSES:
            name = name_of(place)
            witness = known.get(name) or Witness.objects.create(name=name)
            if _is_due(place, witness, checkpoint):
                _show(senders.get(place.partition(":")[0]), place, witness, checkpoint)
            known.pop(name, None)
        for witness in known.values():
            _is_dismissed(witness)


def _is_dismissed(witness: Witness) -> None:
    """The settings name it no more: what it has seen stays seen, and that it fails is nobody's."""
    if witness.failing_since is not None:
        witness.failing_since, witness.error = None, ""
        witness.save()


def _is_due(place: str, witness: Witness, checkpoint: Checkpoint) -> bool:
    if witness.size >= checkpoint.size:
        return False
    pause = timedelta(seconds=settings.WITNESS_MAIL_S if place.startswith("mailto:") else 0)
    if witness.failing_since is not None:
        pause = AGAIN_AFTER
    return witness.tried_at is None or witness.tried_at + pause <= timezone.now()


def _show(send: Send | None, place: str, witness: Witness, checkpoint: Checkpoint) -> None:
    witness.tried_at = timezone.now()
    try:
        if send is None:
            raise WitnessFailed("There is no such kind of witness: file, https or mailto.")
        send(place, checkpoint.note)
    except WitnessFailed as failure:
        _has_failed(witness, str(failure))
    else:
        _has_taken(witness, checkpoint, timezone.now())
    witness.save()


def _has_failed(witness: Witness, error: str) -> None:
    log.warning("witness_failing", witness=witness.name, error=error)
    witness.error = error[:200]
    if witness.failing_since is None:
        witness.failing_since = witness.tried_at
        witness_failing_record(actor=WORKER, witness=witness.name, error=witness.error)


def _has_taken(witness: Witness, checkpoint: Checkpoint, now: datetime) -> None:
    witness.size, witness.accepted_at, witness.covers_until = checkpoint.size, now, checkpoint.at
    if witness.failing_since is not None:
        witness.failing_since, witness.error = None, ""
        witness_recovered_record(actor=WORKER, witness=witness.name)

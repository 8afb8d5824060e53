"""Checkpoints leave the server: to files on another mount, by HTTPS, by e-mail,
to an object store with a lock.

What a witness has taken cannot be unsaid by whoever owns this server; what came after it could.
Each gets the newest checkpoint, which speaks for all before it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import structlog
from django.conf import settings
from django.core.mail import send_mail
from django.db import connection, transaction
from django.utils import timezone

from audit.actors import Actor
from audit.models import Checkpoint, Witness
from audit.services.keeping import witness_failing_record, witness_recovered_record

log = structlog.get_logger(__name__)

S3_S = 60
"""Seconds between two checkpoints in an object store."""
S3_DAYS = 3650
"""For how long an object store keeps a checkpoint where the settings do not say."""
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
    if place.startswith("s3:"):
        return place.partition("?")[0][:200]
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


def to_s3(place: str, note: str) -> None:
    """Put an object that the store's own lock keeps, by its owner, too: compliance mode."""
    import boto3  # here, since few have such a witness, and it is large
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    parts = urlsplit(place)
    asked = dict(parse_qsl(parts.query))
    size = note.splitlines()[1]
    quick = Config(connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 1})
    try:
        store = boto3.client(
            "s3",
            endpoint_url=asked.get("endpoint"),
            region_name=asked.get("region", "us-east-1"),
            aws_access_key_id=settings.WITNESS_S3_ACCESS_KEY or None,
            aws_secret_access_key=settings.WITNESS_S3_SECRET_KEY or None,
            config=quick,
        )
        store.put_object(
            Bucket=parts.netloc,
            Key=f"{parts.path.strip('/')}/checkpoint-{int(size):020}.txt".lstrip("/"),
            Body=note.encode(),
            ContentType="text/plain; charset=utf-8",
            ObjectLockMode="COMPLIANCE",
            ObjectLockRetainUntilDate=timezone.now()
            + timedelta(days=int(asked.get("days", S3_DAYS))),
        )
    except ClientError as error:
        raise WitnessFailed(f"The store refused: {error.response['Error']['Code']}.") from None
    except (BotoCoreError, ValueError) as error:
        raise WitnessFailed(f"The store did not take it: {type(error).__name__}.") from None


SENDERS: Mapping[str, Send] = {"file": to_file, "mailto": to_mail, "s3": to_s3}


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
    kind = place.partition(":")[0]
    # A mail or an object for each checkpoint would be thousands a day, the latter for years.
    pause = timedelta(seconds={"mailto": settings.WITNESS_MAIL_S, "s3": S3_S}.get(kind, 0))
    if witness.failing_since is not None:
        pause = AGAIN_AFTER
    return witness.tried_at is None or witness.tried_at + pause <= timezone.now()


def _show(send: Send | None, place: str, witness: Witness, checkpoint: Checkpoint) -> None:
    witness.tried_at = timezone.now()
    try:
        if send is None:
            raise WitnessFailed("There is no such kind of witness: file, https, mailto or s3.")
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

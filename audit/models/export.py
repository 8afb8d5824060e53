"""An export of the record: what was asked for, and how far it has come."""

from __future__ import annotations

import uuid
from datetime import datetime

from django.db import models
from django.utils import timezone


class Stage(models.TextChoices):
    """What is being done; each stage leaves files behind from which the next one works."""

    READING = "reading", "Reading the record"
    WRITING = "writing", "Writing the file"
    PROVING = "proving", "Writing the proof"
    READY = "ready", "Ready"
    FAILED = "failed", "Failed"
    REMOVED = "removed", "Removed"


WORKING = (Stage.READING, Stage.WRITING, Stage.PROVING)
KEPT_DAYS = 7
_SHARE = {Stage.READING: (0, 50), Stage.WRITING: (50, 30), Stage.PROVING: (80, 20)}
"""Where each stage begins, in hundredths of the whole, and how many it takes."""


class RecordExport(models.Model):
    """One export. Whoever works on it holds its lease; that of a worker which was killed runs out,
    and another one goes on where the last part ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner_id = models.BigIntegerField()
    owner_label = models.CharField(max_length=254)
    format = models.CharField(max_length=4)
    filters = models.JSONField(default=dict)  # Filters.as_data
    query = models.TextField(blank=True)  # the same as the query of the record page's address
    account_ids = models.JSONField(null=True)  # the reader's scope when it began; None: everything

    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.READING)
    begun_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    oldest = models.DateTimeField()  # no event before it is asked for
    upto = models.CharField(max_length=40)  # a Cursor: the newest event when it began
    place = models.CharField(max_length=40)  # a Cursor: the last event that was read
    parts = models.IntegerField(default=0)  # that were read
    written = models.IntegerField(default=0)  # parts that are in the file
    proven = models.IntegerField(default=0)  # parts that are in the proof
    count = models.BigIntegerField(default=0)  # events read
    size = models.BigIntegerField(default=0)  # bytes of the file
    sha256 = models.CharField(max_length=64, blank=True)
    event_id = models.BigIntegerField(null=True)  # the event that names the file's hash
    error = models.CharField(max_length=200, blank=True)

    token = models.UUIDField(null=True)  # of the lease
    lease_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-begun_at"]
        indexes = [
            models.Index(fields=["owner_id", "-begun_at"], name="export_owner"),
            models.Index(
                fields=["lease_until"],
                condition=models.Q(stage__in=WORKING),
                name="export_working",
            ),
        ]

    @property
    def is_working(self) -> bool:
        return self.stage in WORKING

    @property
    def is_ready(self) -> bool:
        return self.stage == Stage.READY

    @property
    def percent(self) -> int:
        """How much is done, about: the time that was read through, then parts."""
        if self.stage not in _SHARE:
            return 100
        begin, share = _SHARE[Stage(self.stage)]
        return begin + int(share * min(1.0, max(0.0, self._done())))

    def _done(self) -> float:
        if self.stage == Stage.READING:
            newest, last = (moment_of(text) for text in (self.upto, self.place))
            whole = (newest - self.oldest).total_seconds()
            return (newest - last).total_seconds() / whole if whole > 0 else 1.0
        done = self.written if self.stage == Stage.WRITING else self.proven
        return done / max(self.parts, 1)


def moment_of(cursor: str) -> datetime:
    """The moment of a Cursor as text."""
    return datetime.fromtimestamp(int(cursor.partition(".")[0]) / 1e6, tz=timezone.now().tzinfo)

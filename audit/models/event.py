"""One line of the record. Triggers (0002, 0004) refuse to change, remove or truncate them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, models
from django.db.models import F, Func, Q, Value

from audit.actors import ActorKind
from audit.database import prepared_cursor


class Event(models.Model):
    """One line of the audit record.

    No foreign keys: names are copied, so that a line outlives what it speaks of.
    """

    occurred_at = models.DateTimeField(db_default=Func(function="clock_timestamp"), editable=False)
    name = models.CharField(max_length=64)  # 'post.approved'
    act = models.UUIDField()  # the same for all events of one action

    actor_kind = models.CharField(max_length=12, choices=[(k, k) for k in ActorKind])
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=254)
    actor_via = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)  # IP address, v6 at the longest
    correlation_id = models.CharField(max_length=64, blank=True)

    subject_type = models.CharField(max_length=64)  # 'scheduling.delivery'
    subject_id = models.CharField(max_length=64, blank=True)
    subject_label = models.CharField(max_length=254, blank=True)
    post_id = models.BigIntegerField(null=True)  # the post whose story this belongs to
    account_id = models.BigIntegerField(null=True)
    account_label = models.CharField(max_length=254, blank=True)

    data = models.JSONField(default=dict)
    words = models.TextField(blank=True)  # what the text search looks through, see audit.plain
    search = models.GeneratedField(
        expression=Func(
            Value("simple"),
            F("words"),
            function="to_tsvector",
            template="to_tsvector(%(expressions)s)",
            arg_joiner="::regconfig, ",
        ),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        # By time and then by number, which is the order of the pages: each index below serves
        # its filter, a span of time and the next page in one walk.
        ordering = ["-occurred_at", "-id"]
        default_permissions = ()
        indexes = [
            models.Index(fields=["occurred_at", "id"], name="event_time"),
            models.Index(fields=["account_id", "occurred_at", "id"], name="event_account"),
            models.Index(fields=["actor_id", "occurred_at", "id"], name="event_actor"),
            models.Index(
                fields=["actor_kind", "occurred_at", "id"],
                condition=Q(actor_id__isnull=True),
                name="event_machine",
            ),
            models.Index(fields=["name", "occurred_at", "id"], name="event_name"),
            models.Index(fields=["post_id", "occurred_at", "id"], name="event_post"),
            models.Index(
                fields=["address", "occurred_at", "id"],
                condition=~Q(address=""),
                name="event_address",
            ),
            models.Index(
                fields=["occurred_at", "id"],
                condition=Q(account_id__isnull=True, post_id__isnull=False),
                name="event_whole_post",
            ),
            models.Index(
                fields=["subject_type", "subject_id", "occurred_at", "id"], name="event_subject"
            ),
            GinIndex(fields=["search"], name="event_search"),
        ]

    def __str__(self) -> str:
        return f"{self.name} by {self.actor_label}"


WRITTEN = (
    *("name", "act", "actor_kind", "actor_id", "actor_label", "actor_via", "address"),
    *("correlation_id", "subject_type", "subject_id", "subject_label", "post_id"),
    *("account_id", "account_label", "data", "words"),
)
"""What is written of an event; the database adds when, and what it is searched by."""


def insert(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Write events, each given by WRITTEN, in the order given; returns their numbers.

    One statement with one parameter, which the server plans once. Django's own way costs three
    times as much, and every change that anybody makes waits for this.
    """
    if not rows:
        return []
    with prepared_cursor() as cursor:
        cursor.execute(_INSERT, [json.dumps(rows, cls=DjangoJSONEncoder)])
        return [number for (number,) in cursor.fetchall()]


def _typed(name: str) -> str:
    field = Event._meta.get_field(name)
    return f'"{name}" {field.db_type(connection)}'


_INSERT = (
    f"INSERT INTO audit_event ({', '.join(WRITTEN)}) SELECT {', '.join(WRITTEN)}"  # noqa: S608  # our own names
    f" FROM jsonb_to_recordset(%s::jsonb) AS new({', '.join(map(_typed, WRITTEN))})"
    " RETURNING id"
)

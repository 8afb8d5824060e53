"""The database itself refuses to change the record."""

from __future__ import annotations

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import Event
from audit.services.reading import record_read
from tests.factories import COMMAND

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event():
    record_read(actor=COMMAND, filters={"text": "bridge"})
    return Event.objects.get()


CHANGES = [
    "UPDATE audit_event SET actor_label = 'somebody else'",
    "UPDATE audit_event SET id = id",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "TRUNCATE audit_event RESTART IDENTITY CASCADE",
    "WITH gone AS (DELETE FROM audit_event RETURNING *) SELECT count(*) FROM gone",
    "INSERT INTO audit_event (id, name, act, actor_kind, actor_label, actor_via, address,"
    " correlation_id, subject_type, subject_id, subject_label, account_label, data, words)"
    " SELECT id, name, act, actor_kind, 'x', actor_via, address, correlation_id, subject_type,"
    " subject_id, subject_label, account_label, data, words FROM audit_event"
    " ON CONFLICT (id) DO UPDATE SET actor_label = 'x'",
    "MERGE INTO audit_event USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
]


def unchanged(event):
    assert Event.objects.get().actor_label == event.actor_label


@pytest.mark.parametrize("change", CHANGES)
def test_sql_cannot_change_it(event, change):
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change)
    unchanged(event)


def test_nor_where_replication_switches_ordinary_triggers_off():
    """Only a superuser may set session_replication_role; the catalogue tells what it would do."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger"
            " WHERE tgrelid = 'audit_event'::regclass AND NOT tgisinternal"
        )
        triggers = dict(cursor.fetchall())
    assert triggers == {
        "audit_event_append_only": "A",
        "audit_event_no_truncate": "A",
        "audit_event_queue": "A",
    }


@pytest.mark.parametrize(
    "change",
    [
        lambda event: Event.objects.update(actor_label="x"),
        lambda event: Event.objects.all().delete(),
        lambda event: event.delete(),
        lambda event: event.save(),
        lambda event: Event.objects.filter(pk=event.pk)._raw_delete("default"),
        lambda event: Event.objects.bulk_update([event], ["actor_label"]),
    ],
)
def test_django_cannot_change_it(event, change):
    event.actor_label = "somebody else"
    with pytest.raises(DatabaseError, match="append-only"):
        change(event)
    unchanged(Event.objects.get())


def test_the_refusal_says_what_was_refused(event):
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        Event.objects.all().delete()
    cause = caught.value.__cause__
    assert isinstance(cause, psycopg.errors.RestrictViolation)
    assert "DELETE refused" in str(cause)

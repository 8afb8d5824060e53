"""Points in time out of the database are what psycopg and Django would have made of them."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from socialdesk.timestamps import UtcLoader

pytestmark = pytest.mark.django_db


def read(sql: str, *parameters: object) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


def test_every_connection_uses_the_fast_reader():
    with connection.cursor():
        loader = connection.connection.adapters.get_loader(
            psycopg.postgres.types["timestamptz"].oid, psycopg.pq.Format.TEXT
        )
    assert loader is UtcLoader


@given(moment=st.datetimes(timezones=st.just(UTC)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_moment_comes_back_as_it_was_written(moment):
    found = read("SELECT %s::timestamptz", moment)
    assert found == moment
    assert found.tzinfo is UTC


def test_a_connection_in_another_zone_is_read_right():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL TIME ZONE 'Asia/Kolkata'")
    found = read("SELECT '2026-03-29 01:30:00+00'::timestamptz")
    assert found == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("beyond", ["infinity", "0044-03-15 00:00+00 BC", "20000-01-01 00:00+00"])
def test_a_moment_no_date_reaches_is_an_error_and_no_wrong_date(beyond):
    with pytest.raises(Exception, match=r"(?i)timestamp|date|year"):
        read("SELECT %s::timestamptz", beyond)

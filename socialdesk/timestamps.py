"""Points in time from the database, read by Python's own parser.

Django's loader goes through psycopg's, which is written for every time zone and date style; a
tenth of what a worker or a page does was reading timestamps. Ours come in UTC and ISO style, since
Django asks for that when it connects.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.backends.postgresql.psycopg_any import get_adapters_template
from psycopg.abc import Buffer
from psycopg.types.datetime import TimestamptzLoader


class UtcLoader(TimestamptzLoader):
    """`timestamptz` as an aware datetime in UTC, about ten times as fast."""

    timezone = UTC
    """Which zone it loads: Django puts a loader of its own in where this is another."""

    def load(self, data: Buffer) -> datetime:
        """Raises psycopg.DataError on what Python's dates do not reach."""
        try:
            found = datetime.fromisoformat(bytes(data).decode())
        except ValueError:  # another style, or a date that psycopg has a better word for
            return super().load(data).astimezone(UTC)
        return found if found.tzinfo is UTC else found.astimezone(UTC)


def register() -> None:
    """Use it on every connection opened from now on."""
    get_adapters_template(True, UTC).register_loader("timestamptz", UtcLoader)

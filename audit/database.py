"""A cursor for the few statements asked so often that planning them would cost too much."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from django.db import connection
from django.db.backends.postgresql.base import ServerBindingCursor


def prepared_cursor() -> AbstractContextManager[Any]:
    """A cursor like `connection.cursor()` whose statements the server keeps when asked again.

    How often a statement has to come before that, or never, is in the database's options; Django's
    own cursors, which put the parameters into the text, prepare nothing.
    """
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    cursor: Any = ServerBindingCursor(connection.connection)  # type: ignore[call-arg]  # psycopg's
    make = connection.make_debug_cursor if connection.queries_logged else connection.make_cursor
    made: AbstractContextManager[Any] = make(cursor)
    return made

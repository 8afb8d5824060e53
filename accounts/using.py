"""When each account was last used: something went out, or a person did something to it."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

_LATE = timedelta(hours=1)
"""An act may be on record this much later than it says: its transaction took that long."""

# What is on record since the latest use that is known; all of it for a first time. The record is
# read from its newest end, so a run costs what has happened since, however long the record is.
_NOTE = """
UPDATE accounts_socialaccount AS a
   SET used_at = e.at
  FROM (SELECT account_id, max(occurred_at) AS at
          FROM audit_event
         WHERE occurred_at > COALESCE(
                   (SELECT max(used_at) FROM accounts_socialaccount)
                   - make_interval(secs => %(late_s)s), '-infinity')
           AND account_id IS NOT NULL
           AND (actor_kind = 'person' OR name = 'delivery.published')
         GROUP BY account_id) AS e
 WHERE a.id = e.account_id AND (a.used_at IS NULL OR a.used_at < e.at)
"""


def note_use() -> int:
    """Bring the accounts' `used_at` up to date from the record; how many were used since."""
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, {"late_s": _LATE.total_seconds()})
        return int(cursor.rowcount)

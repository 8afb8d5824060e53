"""Until when each condition is met for each person, and the limits of their levels that follow.

The policy asks for a right thousands of times a minute, and trainings and policies change a few
times a week. So what follows from them is worked out when they change and kept in the person's row
(`User.level_limits`), where `accounts.policy` reads it without a query; a level ends at its moment,
whoever is asleep. `limits_refresh` is the only writer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from accounts.models import User

# Each condition of each person, and until when it is met. A training: until its last record runs
# out. A policy: for ever once its newest version is accepted; else until the first version they
# have not accepted had to be. Nothing ends before the condition itself began.
_STANDING = """
SELECT u.id AS user_id, c.level, c.training_id, c.document_id, what.name, v.number,
       GREATEST(c.starts_at, CASE WHEN c.training_id IS NOT NULL THEN r.until ELSE v.until END)
         AS until
  FROM accounts_condition AS c
 CROSS JOIN accounts_user AS u
  JOIN LATERAL (
        SELECT name FROM accounts_training AS t WHERE t.id = c.training_id
         UNION ALL
        SELECT name FROM accounts_policydocument AS d WHERE d.id = c.document_id
       ) AS what ON true
  LEFT JOIN LATERAL (
        SELECT COALESCE(max(COALESCE(expires_at, 'infinity')), '-infinity') AS until
          FROM accounts_trainingrecord AS tr
         WHERE tr.user_id = u.id AND tr.training_id = c.training_id AND tr.withdrawn_at IS NULL
       ) AS r ON c.training_id IS NOT NULL
  LEFT JOIN LATERAL (
        SELECT max(pv.number) AS number, COALESCE(min(pv.accept_by), 'infinity') AS until
          FROM accounts_policyversion AS pv
         WHERE pv.document_id = c.document_id
           AND pv.number > (
               SELECT COALESCE(max(own.number), 0)
                 FROM accounts_acceptance AS a
                 JOIN accounts_policyversion AS own ON own.id = a.version_id
                WHERE a.user_id = u.id AND own.document_id = c.document_id)
       ) AS v ON c.document_id IS NOT NULL
 WHERE u.is_active AND (%(users)s::bigint[] IS NULL OR u.id = ANY(%(users)s))
"""

_LIMITS = f"""
WITH standing AS ({_STANDING}),
first AS (
    SELECT DISTINCT ON (user_id, level) user_id, level, until,
           CASE WHEN training_id IS NOT NULL THEN 'the training “' || name || '” is not in date'
                ELSE 'version ' || number || ' of the policy “' || name || '” is not accepted' END
             AS why
      FROM standing WHERE until <> 'infinity'
     ORDER BY user_id, level, until, name
),
new AS (
    SELECT user_id, jsonb_object_agg(level, jsonb_build_object(
               'until', to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US+00:00'),
               'why', why)) AS limits
      FROM first GROUP BY user_id
)
UPDATE accounts_user AS u
   SET level_limits = COALESCE(new.limits, '{{}}'::jsonb)
  FROM accounts_user AS old LEFT JOIN new ON new.user_id = old.id
 WHERE u.id = old.id AND (%(users)s::bigint[] IS NULL OR u.id = ANY(%(users)s))
   AND u.level_limits IS DISTINCT FROM COALESCE(new.limits, '{{}}'::jsonb)
"""  # noqa: S608  # put together from the text above

# Which levels people have by grants in force, of their own or of a team's, and until when. Looked
# up once: asked for each person and condition it would take a minute with 40,000 grants.
_HELD = """
held AS MATERIALIZED (
    SELECT user_id, level, max(COALESCE(ends_at, 'infinity')) AS until
      FROM (SELECT g.user_id, g.level, g.ends_at
              FROM accounts_grant AS g
             WHERE g.user_id IS NOT NULL AND g.ended_at IS NULL
             UNION ALL
            SELECT m.user_id, g.level, g.ends_at
              FROM accounts_grant AS g
              JOIN accounts_team AS t ON t.id = g.team_id
              JOIN accounts_user_groups AS m ON m.group_id = t.group_id
             WHERE g.ended_at IS NULL) AS any_grant
     WHERE (ends_at IS NULL OR ends_at > %(now)s)
       AND (%(users)s::bigint[] IS NULL OR user_id = ANY(%(users)s))
     GROUP BY user_id, level
)
"""

# Levels that have lapsed and that the person has.
_LAPSED = f"""
WITH {_HELD}
SELECT u.id, l.key, l.value->>'why', (l.value->>'until')::timestamptz
  FROM accounts_user AS u
 CROSS JOIN jsonb_each(u.level_limits) AS l
  JOIN held ON held.user_id = u.id AND held.level = l.key
 WHERE u.is_active AND (l.value->>'until')::timestamptz <= %(now)s
   AND (%(users)s::bigint[] IS NULL OR u.id = ANY(%(users)s))
 ORDER BY u.id, l.key
"""  # noqa: S608  # put together from the text above

# What is met now and will not be by a moment, for levels that the person has then.
_RUNNING_OUT = f"""
WITH {_HELD}, standing AS MATERIALIZED ({_STANDING})
SELECT s.user_id, s.training_id, s.document_id, min(s.until), array_agg(DISTINCT s.level)
  FROM standing AS s
  JOIN held ON held.user_id = s.user_id AND held.level = s.level AND held.until > s.until
 WHERE s.until > %(now)s AND s.until <= %(by)s
 GROUP BY s.user_id, s.training_id, s.document_id
 ORDER BY min(s.until), s.user_id
"""  # noqa: S608  # put together from the text above

# Of whom a training or policy is asked, by a level they have, and until when they have it.
_ASKED = f"""
WITH {_HELD}, standing AS MATERIALIZED ({_STANDING}),
asked AS (
    SELECT s.user_id, s.training_id, s.document_id, NULLIF(min(s.until), 'infinity') AS until
      FROM standing AS s
      JOIN held ON held.user_id = s.user_id AND held.level = s.level
     WHERE (%(training)s::bigint IS NULL OR s.training_id = %(training)s)
       AND (%(document)s::bigint IS NULL OR s.document_id = %(document)s)
     GROUP BY s.user_id, s.training_id, s.document_id
)
"""  # noqa: S608  # put together from the text above


@dataclass(frozen=True, slots=True)
class Asked:
    """How many people something is asked of, and how many of them lack it."""

    people: int = 0
    lack: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """One condition of one person. `until`: when it stops being met, None: it does not."""

    user_id: int
    level: str
    training_id: int | None
    document_id: int | None
    name: str
    until: datetime | None

    @property
    def is_met(self) -> bool:
        return self.until is None or self.until > timezone.now()


@dataclass(frozen=True, slots=True)
class Lapsed:
    """A level that somebody has and that is not in force."""

    user_id: int
    level: str
    why: str
    since: datetime


@dataclass(frozen=True, slots=True)
class RunningOut:
    """A requirement of somebody's levels that is met no longer from `until` on."""

    user_id: int
    training_id: int | None
    document_id: int | None
    until: datetime
    levels: tuple[str, ...]


def limits_refresh(users: Iterable[User] | None = None) -> int:
    """Work out the limits of these people's levels, None: of everybody's; how many rows changed.

    Part of every action that changes what they follow from. Give the people's rows again afterwards
    (`refresh_from_db`) where they are looked at in the same breath.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LIMITS, {"users": _ids(users)})
        return int(cursor.rowcount)


def standing_of(user: User) -> list[Standing]:
    """Every condition there is, for one person, by level and name. One query."""
    sql = f"""SELECT user_id, level, training_id, document_id, name, NULLIF(until, 'infinity')
                FROM ({_STANDING}) AS s ORDER BY level, name"""  # noqa: S608  # as above
    return [Standing(*row) for row in _rows(sql, {"users": [user.pk]})]


def lapsed_now(users: Iterable[User] | None = None) -> list[Lapsed]:
    """What has lapsed, of these people or of everybody."""
    given = {"users": _ids(users), "now": timezone.now()}
    return [Lapsed(*row) for row in _rows(_LAPSED, given)]


def running_out(by: datetime, users: Iterable[User] | None = None) -> list[RunningOut]:
    """What is met now and not for longer than until `by`, the first to end first."""
    given = {"users": _ids(users), "now": timezone.now(), "by": by}
    found = _rows(_RUNNING_OUT, given)
    return [RunningOut(a, b, c, until, tuple(sorted(d))) for a, b, c, until, d in found]


def asked() -> dict[tuple[str, int], Asked]:
    """For each training and policy, by kind and id, how many it is asked of. One query."""
    sql = f"""{_ASKED}
              SELECT training_id, document_id, count(*), count(*) FILTER (WHERE until <= %(now)s)
                FROM asked GROUP BY training_id, document_id"""  # noqa: S608  # as above
    given = {"users": None, "training": None, "document": None, "now": timezone.now()}
    return {
        ("training", training) if training else ("policy", document): Asked(people, lack)
        for training, document, people, lack in _rows(sql, given)
    }


def lacking(
    *, training_id: int | None = None, document_id: int | None = None, limit: int = 50
) -> list[tuple[int, datetime]]:
    """Who lacks it, by id, and since when; the longest first. One query."""
    sql = f"""{_ASKED} SELECT user_id, until FROM asked WHERE until <= %(now)s
               ORDER BY until, user_id LIMIT %(limit)s"""  # noqa: S608  # as above
    given = {
        "users": None,
        "training": training_id,
        "document": document_id,
        "now": timezone.now(),
        "limit": limit,
    }
    return [(row[0], row[1]) for row in _rows(sql, given)]


def _rows(sql: str, given: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return list(cursor.fetchall())


def _ids(users: Iterable[User] | None) -> list[int] | None:
    return None if users is None else [user.pk for user in users]

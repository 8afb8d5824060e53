"""Sealing: events get their place in the tree, and a checkpoint over it is signed.

Not an action: it changes nothing that the record speaks of, and an event about it would itself
have to be sealed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from audit.leaves import COLUMNS, Row, leaf_of, new_salts, rows_of, texts_of
from audit.merkle import leaf_hash
from audit.models import Checkpoint
from audit.notes import SigningKey, Statement, sign
from audit.tree import Tree

BATCH = 5_000
"""Events sealed at a time: about a quarter of a second's work."""
_LOCK = 0x5EA1  # of PostgreSQL's advisory locks
_WAITING = "SELECT event_id FROM audit_unsealed ORDER BY event_id LIMIT %s"
_EVENTS = f"""
    SELECT {COLUMNS} FROM audit_event e WHERE e.id = ANY(%s::bigint[])
    AND NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id) ORDER BY e.id
"""  # noqa: S608  # the columns are ours
_LEAVES = (
    "INSERT INTO audit_leaf (index, event_id, hash, who, what)"
    " SELECT %s + nr - 1, event_id, hash, who, what"
    " FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[], %s::bytea[])"
    " WITH ORDINALITY AS new(event_id, hash, who, what, nr)"
)
_SALTS = (
    "INSERT INTO audit_salt (event_id, who, what)"
    " SELECT * FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[])"
)
_COUNTS = (
    "INSERT INTO audit_quarter (at, events, readings)"
    " SELECT date_bin('15 minutes', occurred_at, '2000-01-01Z'), count(*),"
    " count(*) FILTER (WHERE name = 'record.read')"
    " FROM audit_event WHERE id = ANY(%s::bigint[]) GROUP BY 1"
    " ON CONFLICT (at) DO UPDATE SET events = audit_quarter.events + EXCLUDED.events,"
    " readings = audit_quarter.readings + EXCLUDED.readings"
)
_DONE = "DELETE FROM audit_unsealed WHERE event_id = ANY(%s::bigint[])"


@dataclass(frozen=True, slots=True)
class Sealed:
    """What one round did. `more`: there was more than one batch takes."""

    count: int
    size: int
    more: bool


def seal(limit: int = BATCH) -> Sealed | None:
    """Seal what waits, `limit` events at the most, and sign a checkpoint over the whole.

    Returns None where another sealer is at work or nothing waits. In which order events are sealed
    is decided here: one that was written early and committed late comes after what was sealed
    meanwhile.
    """
    with transaction.atomic():
        if not _alone():
            return None
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            looked_at = cursor.fetchone()[0]
            cursor.execute(_WAITING, [limit])
            waiting = [row[0] for row in cursor.fetchall()]
            # By number, in a query of its own: however long the queue is, this reads a batch.
            cursor.execute(_EVENTS, [waiting])
            rows = rows_of(cursor.fetchall())
            cursor.execute(_DONE, [waiting])
        if not rows:
            return None
        more = len(waiting) == limit
        tree = _take_in(rows)
        _sign(tree, rows[-1].occurred_at if more else looked_at)
        return Sealed(len(rows), tree.size, more)


def signing_keys() -> list[SigningKey]:
    """The record's keys, newest first. Raises NoKey."""
    return [SigningKey.read(text) for text in settings.RECORD_KEYS]


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _take_in(rows: Sequence[Row]) -> Tree:
    """The tree with these events in it."""
    tree = Tree.whole()
    salts = new_salts(len(rows))
    bound = [texts_of(row, salt).commitments for row, salt in zip(rows, salts, strict=True)]
    hashes = [leaf_hash(leaf_of(row, one)) for row, one in zip(rows, bound, strict=True)]
    ids = [row.id for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_LEAVES, [tree.size, ids, hashes, *map(list, zip(*bound, strict=True))])
        cursor.execute(_SALTS, [ids, *map(list, zip(*salts, strict=True))])
        cursor.execute(_COUNTS, [ids])
    tree.grow(hashes)
    return tree


def _sign(tree: Tree, at: datetime) -> Checkpoint:
    keys = signing_keys()
    named = tuple(str(key.public) for key in keys) if len(keys) > 1 else ()
    statement = Statement(keys[0].public.name, tree.size, tree.root(), at, named)
    note = sign(statement, keys)
    return Checkpoint.objects.create(size=tree.size, root=statement.root, note=note, at=at)

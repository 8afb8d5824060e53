"""What proves the record to others: sealed exports, and proofs of single events.

`tools/verify_socialdesk.py` checks them with nothing of Socialdesk installed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from django.db import connection
from psycopg.types.numeric import Int8

from audit.actors import Actor
from audit.database import prepared_cursor
from audit.leaves import COLUMNS, Commitments, Row, Salts, leaf_of, texts_of
from audit.models import Checkpoint
from audit.services.reading import record_export_begin, record_export_end
from audit.tree import Tree

CHUNK = 2_000
_NOTHING = Commitments(b"", b"")
_WIDTH = len(Row._fields)
PLACED = f"""
    SELECT {COLUMNS}, s.who, s.what, l.who, l.what, l.index, l.hash
    FROM audit_leaf l
    LEFT JOIN audit_event e ON e.id = l.event_id
    LEFT JOIN audit_salt s ON s.event_id = l.event_id
"""  # noqa: S608  # the columns are ours
_UNPLACED = f"""
    SELECT {COLUMNS} FROM audit_event e
    WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id) AND e.id > %s
    ORDER BY e.id LIMIT %s
"""  # noqa: S608
_WITH_KEYS = "\nkey "


class NotSealed(Exception):  # a state, and no fault
    """There is no proof of what has not been sealed yet; that takes about two seconds."""


class SealedExport:
    """The whole record in the order of the seal, for others to check; a handing over as any.

    A line a place, of five fields between tabs: the place, the hash that was sealed, and the three
    texts of the event, to the byte as they were hashed. What has no place yet comes last.
    """

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.count = 0
        self.complete = False

    def begin(self) -> Generator[str, None, None]:
        """Its text, piece by piece. That it began is recorded before the first line leaves."""
        record_export_begin(actor=self.actor, filters={}, format="sealed")
        return self._text()

    def _text(self) -> Generator[str, None, None]:
        try:
            yield "socialdesk-record\t1\n"
            yield from self._notes()
            for rows in _placed():
                self.count += len(rows)
                yield "".join(map(_placed_line, rows))
            for unplaced in _unplaced():
                self.count += len(unplaced)
                yield "".join(map(_unplaced_line, unplaced))
            self.complete = True
        finally:
            record_export_end(
                actor=self.actor,
                filters={},
                format="sealed",
                count=self.count,
                complete=self.complete,
            )

    def _notes(self) -> Iterator[str]:
        """The newest checkpoint, and those between two keys."""
        newest = Checkpoint.objects.first()
        for checkpoint in Checkpoint.objects.filter(note__contains=_WITH_KEYS).order_by("size"):
            yield f"checkpoint\t{json.dumps(checkpoint.note)}\n"
        if newest is not None:
            yield f"checkpoint\t{json.dumps(newest.note)}\n"


def _placed() -> Iterator[list[tuple[Any, ...]]]:
    # So far as there were places at the start: what is sealed meanwhile is another export's.
    end = Tree.whole().size
    for first in range(0, end, CHUNK):
        with connection.cursor() as cursor:
            cursor.execute(
                f"{PLACED} WHERE l.index >= %s AND l.index < %s ORDER BY l.index",
                [first, min(first + CHUNK, end)],
            )
            yield cursor.fetchall()


def _unplaced() -> Iterator[list[tuple[Any, ...]]]:
    last, rows = 0, [()]
    while rows:
        with connection.cursor() as cursor:
            cursor.execute(_UNPLACED, [last, CHUNK])
            rows = cursor.fetchall()
        if rows:
            yield rows
            last = rows[-1][0]


def _placed_line(found: Sequence[Any]) -> str:
    index, hashed = found[-2:]
    leaf, who, what = texts_found(found)
    return f"{index}\t{bytes(hashed).hex()}\t{leaf}\t{who}\t{what}\n"


def _unplaced_line(found: Sequence[Any]) -> str:
    return f"\t\t{leaf_of(Row._make(found), _NOTHING).decode()}\t\t\n"


def texts_found(found: Sequence[Any]) -> tuple[str, str, str]:
    """The three texts of an event as PLACED finds it; empty where there is none any more."""
    if found[0] is None:
        return "", "", ""
    row = Row._make(found[:_WIDTH])
    salts, bound = Salts(*found[_WIDTH : _WIDTH + 2]), found[_WIDTH + 2 : _WIDTH + 4]
    who, what = texts_of(row, salts)
    leaf = leaf_of(row, Commitments(*map(bytes, bound)))
    return leaf.decode(), (who or b"").decode(), (what or b"").decode()


# --- proofs of single events ----------------------------------------------------------------------


def proof_of(event_ids: Sequence[int]) -> dict[str, Any]:
    """That these events are in the record, under its newest checkpoint. Raises NotSealed."""
    wanted = sorted(set(event_ids))
    with prepared_cursor() as cursor:
        cursor.execute(
            f"{PLACED} WHERE l.event_id = ANY(%s::bigint[]) ORDER BY l.index",
            [list(map(Int8, wanted))],
        )
        found = cursor.fetchall()
    checkpoint = Checkpoint.objects.first()
    if checkpoint is None or not found or len(found) < len(wanted):
        raise NotSealed
    tree = Tree(checkpoint.size)
    return {
        "checkpoints": [checkpoint.note],
        "consistency": "",
        "events": [_proven(one, tree) for one in found],
    }


def proof_of_growth(old: int, new: int | None = None) -> dict[str, Any]:
    """That the record under the checkpoint of size `old` is the beginning of that under the
    checkpoint `new`, or the newest. Raises Checkpoint.DoesNotExist, ValueError."""
    first = Checkpoint.objects.get(size=old)
    last = Checkpoint.objects.get(size=new) if new is not None else Checkpoint.objects.all()[0]
    path = Tree(last.size).consistency(first.size)
    return {
        "checkpoints": [first.note, last.note],
        "consistency": base64.b64encode(b"".join(path)).decode(),
        "events": [],
    }


def _proven(found: Sequence[Any], tree: Tree) -> dict[str, Any]:
    leaf, who, what = texts_found(found)
    path = base64.b64encode(b"".join(tree.inclusion(found[-2]))).decode()
    return {"index": found[-2], "leaf": leaf, "who": who, "what": what, "path": path}

"""The tree as it is kept: every leaf, and the root of every 256, of every 256 of these, and so on.

A proof looks at one row of 256 hashes a level and at the right edge: three levels for ten million
events, each one read by primary key.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection
from psycopg.types.numeric import Int8

from audit import merkle
from audit.database import prepared_cursor

HEIGHT = 8
WIDTH = 1 << HEIGHT
_LEAVES = (
    "SELECT string_agg(hash, ''::bytea ORDER BY index) FROM audit_leaf"
    " WHERE index >= %s AND index < %s"
)
_NODES = (
    "SELECT string_agg(hash, ''::bytea ORDER BY index) FROM audit_node"
    " WHERE level = %s AND index >= %s AND index < %s"
)
_ADD = (
    "INSERT INTO audit_node (level, index, hash)"
    " SELECT %s, %s + nr - 1, hash FROM unnest(%s::bytea[]) WITH ORDINALITY AS new(hash, nr)"
)


class TreeBroken(Exception):
    """The stored tree lacks hashes that it must have."""


class Tree:
    """The stored tree with its first `size` leaves; keeps what it has read."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows: dict[tuple[int, int], list[bytes]] = {}

    @classmethod
    def whole(cls) -> Tree:
        """The tree with all its leaves."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT index FROM audit_leaf ORDER BY index DESC LIMIT 1")
            last = cursor.fetchone()
        return cls(last[0] + 1 if last else 0)

    def root(self) -> bytes:
        return self.subtree(0, self.size) if self.size else merkle.EMPTY

    def inclusion(self, index: int) -> list[bytes]:
        """The proof that leaf `index` is in this tree."""
        self._read_ahead(index)
        return merkle.inclusion_path(index, self.size, self.subtree)

    def consistency(self, old: int) -> list[bytes]:
        """The proof that the tree of `old` leaves is the beginning of this one."""
        return merkle.consistency_path(old, self.size, self.subtree)

    def grow(self, hashes: Sequence[bytes]) -> None:
        """Take in new leaves, whose rows are written already, and write the nodes they complete."""
        self._grow(0, self.size, list(hashes))
        self.size += len(hashes)

    def forget(self, limit: int) -> None:
        """Let go of what was read, where that is more than so many rows."""
        if len(self._rows) > limit:
            self._rows.clear()

    def subtree(self, first: int, last: int) -> bytes:
        """The root over the leaves from `first` up to, not including, `last`. Raises TreeBroken."""
        count = last - first
        if count & (count - 1) == 0 and first % count == 0:
            return self._complete(first, count)
        middle = first + merkle.split(count)
        return merkle.node_hash(self.subtree(first, middle), self.subtree(middle, last))

    def _complete(self, first: int, count: int) -> bytes:
        level = (count.bit_length() - 1) // HEIGHT * HEIGHT
        place, wide = first >> level, count >> level
        row = self._row(level, place >> HEIGHT)
        found = row[place % WIDTH : place % WIDTH + wide]
        if len(found) != wide:
            raise TreeBroken(f"hashes of leaves {first} to {first + count - 1} are missing")
        return merkle.root_of(found)

    def _row(self, level: int, number: int) -> list[bytes]:
        """The hashes that stand together under one node of the next level."""
        if (level, number) not in self._rows:
            self._rows[level, number] = self._read(level, number * WIDTH, (number + 1) * WIDTH)
        return self._rows[level, number]

    def _read(self, level: int, first: int, last: int) -> list[bytes]:
        last = min(last, self.size >> level)
        with connection.cursor() as cursor:
            if level:
                cursor.execute(_NODES, [level, first, last])
            else:
                cursor.execute(_LEAVES, [first, last])
            return _apart(cursor.fetchone()[0])

    def _read_ahead(self, index: int) -> None:
        """Read all rows that a proof of this leaf looks at in one query."""
        wanted = {
            (level, place >> level + HEIGHT)
            for level in range(0, max(self.size.bit_length(), 1), HEIGHT)
            for place in (index, self.size - 1)
        } - self._rows.keys()
        parts, values = [], list[int]()
        for level, number in sorted(wanted):
            first, last = number * WIDTH, min((number + 1) * WIDTH, self.size >> level)
            parts.append(f"SELECT %s::bigint, %s::bigint, ({_NODES if level else _LEAVES})")
            values += [level, number, *([level] if level else []), first, last]
        if parts:
            # Planning this takes longer than answering it. One type for all, or it is planned anew.
            with prepared_cursor() as cursor:
                cursor.execute(" UNION ALL ".join(parts), list(map(Int8, values)))
                for level, number, raw in cursor.fetchall():
                    self._rows[level, number] = _apart(raw)

    def _grow(self, level: int, first: int, hashes: list[bytes]) -> None:
        begin = first // WIDTH * WIDTH
        row = self._read(level, begin, first) + hashes
        for number in range(begin // WIDTH, (begin + len(row)) // WIDTH + 1):
            at = (number - begin // WIDTH) * WIDTH
            self._rows[level, number] = row[at : at + WIDTH]
        complete = len(row) // WIDTH
        if not complete:
            return
        nodes = [merkle.root_of(row[at * WIDTH : (at + 1) * WIDTH]) for at in range(complete)]
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [level + HEIGHT, begin // WIDTH, nodes])
        self._grow(level + HEIGHT, begin // WIDTH, nodes)


def _apart(raw: bytes | None) -> list[bytes]:
    """Hashes that came as one value."""
    whole = bytes(raw or b"")
    return [whole[at : at + 32] for at in range(0, len(whole), 32)]

"""What of an event is sealed: canonical JSON (RFC 8785), version 1.

A leaf holds what an event says of things, and of its personal content two commitments: SHA-256
over a text with a random salt in it. `who` is who acted and from where, `what`
is what was said about what. Either can be erased, and the leaf stays as it was.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import UUID

import rfc8785

from audit.notes import moment

VERSION = 1
SALT_BYTES = 16
_SAFE = 2**53 - 1
"""The largest whole number of RFC 8785; larger ones are sealed as texts."""

_plainly = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Row(NamedTuple):
    """An event as it comes from the database, `data` as JSON text."""

    id: int
    occurred_at: datetime
    name: str
    act: UUID
    actor_kind: str
    actor_id: int | None
    actor_label: str
    actor_via: str
    address: str
    correlation_id: str
    subject_type: str
    subject_id: str
    subject_label: str
    post_id: int | None
    account_id: int | None
    account_label: str
    data: str


COLUMNS = ", ".join(f"e.{name}" for name in Row._fields)


class Salts(NamedTuple):
    """Two salts of an event, None where its content was erased."""

    who: bytes | None
    what: bytes | None


class Commitments(NamedTuple):
    """What the leaf holds in place of personal content: SHA-256."""

    who: bytes
    what: bytes


class Texts(NamedTuple):
    """The two texts with personal content that are committed to, None where it was erased."""

    who: bytes | None
    what: bytes | None

    @property
    def commitments(self) -> Commitments:
        return Commitments(sha256(self.who or b"").digest(), sha256(self.what or b"").digest())


def new_salts(count: int) -> list[Salts]:
    """Salts for so many events."""
    raw, step = os.urandom(2 * SALT_BYTES * count), 2 * SALT_BYTES
    return [
        Salts(raw[at : at + SALT_BYTES], raw[at + SALT_BYTES : at + step])
        for at in range(0, len(raw), step)
    ]


def texts_of(row: Row, salts: Salts) -> Texts:
    """The texts that hold the event's personal content."""
    who = what = None
    if salts.who is not None:
        said = {"address": row.address, "salt": salts.who.hex(), "who": row.actor_label}
        who = _plainly(said).encode()
    if salts.what is not None:
        what = canonical(
            {
                "account": row.account_label,
                "data": json.loads(row.data),
                "salt": salts.what.hex(),
                "subject": row.subject_label,
            }
        )
    return Texts(who, what)


def leaf_of(row: Row, bound: Commitments) -> bytes:
    """The text that is the event's leaf."""
    return _plainly(
        {
            "account_id": row.account_id,
            "action_id": str(row.act),
            "correlation_id": row.correlation_id,
            "event": row.name,
            "number": row.id,
            "post_id": row.post_id,
            "subject_id": row.subject_id,
            "subject_type": row.subject_type,
            "through": row.actor_via,
            "time": moment(row.occurred_at),
            "v": VERSION,
            "what_sha256": bound.what.hex(),
            "who_id": row.actor_id,
            "who_kind": row.actor_kind,
            "who_sha256": bound.who.hex(),
        }
    ).encode()


def canonical(value: Any) -> bytes:
    """A value as RFC 8785 writes it; whole numbers beyond its range as texts."""
    if _is_simple(value):
        return _plainly(value).encode()
    return rfc8785.dumps(_in_range(value))


def _is_simple(value: Any) -> bool:
    """Whether Python's own encoder, which is ten times as fast, writes the same: that differs in
    fractions, large numbers, and the order of names that hold signs beyond U+FFFF."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return bool(-_SAFE <= value <= _SAFE)
    if kind is dict:
        return all(name.isascii() and _is_simple(item) for name, item in value.items())
    return kind is list and all(map(_is_simple, value))


def _in_range(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _in_range(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_range(item) for item in value]
    if isinstance(value, int) and abs(value) > _SAFE:
        return str(value)
    return value


def rows_of(found: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows selected by COLUMNS."""
    return [Row._make(one) for one in found]

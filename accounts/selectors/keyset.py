"""Pages of a list by key, never by number: as quick on the last page as on the first."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, Q, QuerySet

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Some rows, and the cursors of the pages before and after ('' : there is none)."""

    items: list[M]
    before: str
    after: str


def page(rows: QuerySet[M], *, by: str, cursor: str = "", size: int = 50) -> Page[M]:
    """One page of `rows`, ascending by the text field `by` and then by primary key.

    A cursor that we did not make shows the first page.
    """
    backwards, name, pk = _read(cursor)
    side = "lt" if backwards else "gt"
    wanted = rows
    if pk is not None:
        past = Q(**{f"{by}__{side}": name}) | Q(**{by: name, f"pk__{side}": pk})
        wanted = rows.filter(past)
    order = [f"-{by}", "-pk"] if backwards else [by, "pk"]
    found = list(wanted.order_by(*order)[: size + 1])
    more = len(found) > size
    items = found[:size]
    if backwards:
        items.reverse()
    has_before = more if backwards else pk is not None
    has_after = pk is not None if backwards else more
    return Page(
        items,
        _write(True, by, items[0]) if items and has_before else "",
        _write(False, by, items[-1]) if items and has_after else "",
    )


def _write(backwards: bool, by: str, row: Model) -> str:
    words = json.dumps([backwards, getattr(row, by), row.pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(words.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[bool, str, Any]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        backwards, name, pk = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError, TypeError):
        return False, "", None
    right = isinstance(backwards, bool) and isinstance(name, str) and type(pk) is int
    # PostgreSQL refuses NUL in text and numbers past bigint; neither came from us.
    if not right or "\0" in name or not 0 < pk < 2**63:
        return False, "", None
    return backwards, name, pk

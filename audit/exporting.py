"""The record as CSV and as JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from audit.models import Event
from audit.telling import told

BOM = "\ufeff"
"""Excel takes a CSV file without it for the local code page and garbles every accent; what reads
UTF-8 properly skips it (in Python: the encoding 'utf-8-sig'). JSON lines have none (RFC 8259)."""

COLUMNS = (
    "number", "time", "sentence", "event", "who", "who_kind", "who_id", "through", "address",
    "account", "account_id", "subject", "subject_type", "subject_id", "post_id", "data",
    "action_id", "correlation_id",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_row(event: Event, data: Any) -> dict[str, Any]:
    """One event as plain values; `data` is what of it may be shown. Times are UTC, ISO 8601."""
    return {
        "number": event.pk,
        "time": event.occurred_at.isoformat(),
        "sentence": told(event).sentence,
        "event": event.name,
        "who": event.actor_label,
        "who_kind": event.actor_kind,
        "who_id": event.actor_id,
        "through": event.actor_via,
        "address": event.address,
        "account": event.account_label,
        "account_id": event.account_id,
        "subject": event.subject_label,
        "subject_type": event.subject_type,
        "subject_id": event.subject_id,
        "post_id": event.post_id,
        "data": data,
        "action_id": str(event.act),
        "correlation_id": event.correlation_id,
    }


def safe_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: those get an apostrophe in front.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def csv_chunks(chunks: Iterable[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """Rows as RFC 4180 text, a piece per chunk, the first with the byte order mark and header."""
    yield BOM + _csv_text([COLUMNS])
    for chunk in chunks:
        yield _csv_text([safe_cell(row[name]) for name in COLUMNS] for row in chunk)


def json_chunks(chunks: Iterable[Sequence[dict[str, Any]]]) -> Iterator[str]:
    """Rows as JSON, one a line, a piece per chunk."""
    for chunk in chunks:
        yield "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in chunk)


def _csv_text(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()

"""The record as CSV and as JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audit.actors import Actor
from audit.models import Event
from audit.selectors.events import Filters, Scope, events_all, newest
from audit.services.reading import record_export_begin, record_export_end
from audit.telling import pruned, told

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


def as_text(value: Any) -> str:
    """A value as the text of a cell; nothing is empty."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def safe_cell(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: those get an apostrophe in front.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = as_text(value)
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


FORMATS: dict[str, Callable[[Iterable[Sequence[dict[str, Any]]]], Iterator[str]]] = {
    "csv": csv_chunks,
    "json": json_chunks,
}


@dataclass(slots=True)
class Export:
    """One handing over of the record. That it began is recorded before the first line leaves,
    and how far it came when it ends, however it ends."""

    actor: Actor
    scope: Scope
    filters: Filters
    format: str
    count: int = 0
    complete: bool = False

    def begin(self) -> Generator[str, None, None]:
        """Its text, piece by piece: from the newest event of this moment to the oldest."""
        upto = newest()
        record_export_begin(actor=self.actor, filters=self.filters.as_data(), format=self.format)
        chunks = events_all(self.scope, self.filters, upto=upto) if upto else iter(())
        return self._lines(chunks)

    def _lines(self, chunks: Iterator[Sequence[Event]]) -> Generator[str, None, None]:
        try:
            yield from FORMATS[self.format](self._rows(chunks))
            self.complete = True
        finally:
            record_export_end(
                actor=self.actor,
                filters=self.filters.as_data(),
                format=self.format,
                count=self.count,
                complete=self.complete,
            )

    def _rows(self, chunks: Iterator[Sequence[Event]]) -> Iterator[Sequence[dict[str, Any]]]:
        for chunk in chunks:
            self.count += len(chunk)
            yield [as_row(event, data_for(self.scope, event)) for event in chunk]


def data_for(scope: Scope, event: Event) -> Any:
    """What of an event's data a reader of this scope may see."""
    return event.data if scope.account_ids is None else pruned(event.data, scope.account_ids)

"""Values as the record can hold them, and the words it is searched by.

What is recorded may come from anywhere: PostgreSQL refuses NUL and half surrogate pairs in texts,
and JSON has no infinity. An event that cannot be written would undo the change it speaks of.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

from django.db import models

WORDS_MAX = 20_000
"""Characters of one event that can be searched; a text index entry ends at a megabyte."""

_NEVER = re.compile("[\x00\ud800-\udfff]")
_WORD = re.compile(r"[^\W_]+")


def clean(text: object, limit: int | None = None) -> str:
    """The text without what PostgreSQL cannot hold, and no longer than `limit` characters."""
    shown = _NEVER.sub("\N{REPLACEMENT CHARACTER}", str(text))
    if limit is None or len(shown) <= limit:
        return shown
    return shown[: limit - 1] + "…"


def plain(value: Any) -> Any:
    """A value as JSON can hold it. A row becomes its id and its name at this moment."""
    if isinstance(value, Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, models.Model):
        return {"id": plain(value.pk), "label": clean(value)}
    if isinstance(value, Mapping):
        return {clean(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [plain(item) for item in value]
    return clean(value)


def words_of(text: str) -> list[str]:
    """The words of a text as the search knows them: folded, without accents or punctuation."""
    if not text.isascii():
        apart = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
        text = "".join(c for c in apart if not unicodedata.combining(c))
    return _WORD.findall(text.casefold())


def searchable(values: Iterable[Any]) -> str:
    """All words of some plain values, for the text index."""
    found: list[str] = []
    length = 0
    for text in _texts(values):
        for word in words_of(text[: WORDS_MAX - length]):
            found.append(word)
            length += len(word) + 1
        if length >= WORDS_MAX:
            break
    return " ".join(found)[:WORDS_MAX]


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, Iterable):
        for item in value:
            yield from _texts(item)
    elif value is not None:
        yield str(value)

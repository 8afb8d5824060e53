"""Searching the words of the record: which of them the index is asked for, and which not."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import lru_cache

from django.contrib.postgres.search import SearchQuery, SearchVectorExact, SearchVectorField
from django.db import connection
from django.db.models import F, Func, Q

from audit.plain import words_of

_WORDS_MAX, _WORD_MAX = 16, 64
COMMON = 0.01
"""Share of all events from which on a word is common."""
_FEW = 100_000
"""Events of which the index can gather all, whatever the words."""
_KEPT_S = 3_600
_STATISTICS = """
    SELECT s.most_common_elems::text::text[], s.most_common_elem_freqs FROM pg_stats s
    WHERE s.schemaname = current_schema() AND s.tablename = 'audit_event'
    AND s.attname = 'search'
    AND (SELECT reltuples FROM pg_class WHERE oid = 'audit_event'::regclass) > %s
"""


def searched_words(text: str) -> list[str]:
    """The words that a search for `text` looks for."""
    return [word[:_WORD_MAX] for word in words_of(text[:1_000])[:_WORDS_MAX]]


def events_with(text: str) -> Q:
    """Events that hold every word of `text` as the beginning of a word; none, if it has no word.

    The index gathers all places of all words that begin so before it puts them together, and with
    `fire` these may be millions. So where there are rarer words beside it, those alone are looked
    up, and what they find is looked through for it.
    """
    words = searched_words(text)
    if not words:
        return Q(pk=None)
    frequent = [word for word in words if _share(word) >= COMMON] if len(words) > 1 else []
    rare = [word for word in words if word not in frequent]
    if not rare or not frequent:
        return Q(search=_all_of(words))
    unindexed = Func(
        F("search"), template="(%(expressions)s || ''::tsvector)", output_field=SearchVectorField()
    )
    return Q(search=_all_of(rare)) & Q(SearchVectorExact(unindexed, _all_of(frequent)))


def _all_of(words: list[str]) -> SearchQuery:
    return SearchQuery(
        " & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw"
    )


def _share(beginning: str) -> float:
    """Which share of events holds words that begin so, as far as these are common."""
    found = _common(int(time.monotonic() // _KEPT_S))
    return sum(share for word, share in found.items() if word.startswith(beginning))


@lru_cache(maxsize=1)
def _common(_hour: int) -> Mapping[str, float]:
    """The words that the database's statistics call most common, and their shares of all events."""
    with connection.cursor() as cursor:
        cursor.execute(_STATISTICS, [_FEW])
        row = cursor.fetchone()
    # The frequencies end with three more: the least, the greatest, and that of no words at all.
    return dict(zip(row[0], row[1], strict=False)) if row and row[0] else {}

"""What comes in on X: posts that name the account, and what a search finds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from platforms.contract import Batch, Incoming
from platforms.failures import Malformed
from platforms.paging import Entry, read_since
from platforms.x_client import XClient
from platforms.x_views import (
    EXPANSIONS,
    FIELDS,
    MEDIA,
    PEOPLE,
    Row,
    incoming_of,
    media_of,
    people_of,
    rows_of,
    settled,
    time_in,
)

PAGE = 100  # the most that X gives
_FIRST_PAGE = 50
_SEARCHABLE = timedelta(days=6, hours=23)  # recent search knows a week, and refuses older ids


class XInbox:
    def __init__(self, client: XClient, account: str, handle: str) -> None:
        self._client = client
        self._account = account
        self._handle = handle

    def read(self, cursor: str) -> Batch[Incoming]:
        """Posts that name the account, oldest first; our own are left out."""
        own, keys = self._account, self._client.by_keys

        def page(since: str, until: str) -> list[Entry[Incoming]]:
            asked = _asked(since, until, first=not cursor)
            return self._client.ask(
                lambda api: api.get_users_mentions(own, user_auth=keys, **asked),
                lambda answer: self._entries(answer, match=False),
            )

        return read_since(cursor, page=page, page_size=page_size(cursor), settle=settled)

    def search(self, words: str, cursor: str) -> Batch[Incoming]:
        """Posts of the last week that these words find; our own are left out."""
        whole = f"({words}) -is:retweet" + (f" -from:{self._handle}" if self._handle else "")
        keys, oldest = self._client.by_keys, datetime.now(UTC) - _SEARCHABLE

        def page(since: str, until: str) -> list[Entry[Incoming]]:
            at = time_in(since) if since else None
            asked = _asked("" if at and at < oldest else since, until, first=not cursor)
            return self._client.ask(
                lambda api: api.search_recent_tweets(whole, user_auth=keys, **asked),
                lambda answer: self._entries(answer, match=True),
            )

        return read_since(cursor, page=page, page_size=page_size(cursor), settle=settled)

    def _entries(self, answer: Row, *, match: bool) -> list[Entry[Incoming]]:
        people, media, entries = people_of(answer), media_of(answer), []
        for row in rows_of(answer):
            id_, at, item = str(row.get("id", "")), datetime.now(UTC), None
            try:
                item = incoming_of(row, people, media, own=self._account, match=match)
                at = item.posted_at
            except Malformed:
                item = None  # one row that cannot be read must not stop the rest
            if item is not None and item.author.remote_id == self._account:
                item = None
            entries.append(Entry(id_, at, item))
        return entries


def page_size(cursor: str) -> int:
    return PAGE if cursor else _FIRST_PAGE


def _asked(since: str, until: str, *, first: bool) -> dict[str, Any]:
    asked: dict[str, Any] = {
        "tweet_fields": FIELDS,
        "expansions": EXPANSIONS,
        "user_fields": PEOPLE,
        "media_fields": MEDIA,
        "max_results": _FIRST_PAGE if first else PAGE,
    }
    asked |= {"since_id": since} if since else {}
    asked |= {"until_id": until} if until else {}
    return asked

"""Reading a Mastodon server: what names the account, its own posts, and what a search finds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

from mastodon import Mastodon

from platforms.contract import Batch, Incoming, MentionKind, OwnPost, Refused, RetryLater
from platforms.failures import Malformed, text_of, time_of
from platforms.markup import clean_text
from platforms.mastodon_client import MastodonClient, Row
from platforms.mastodon_views import incoming_of, objects, own_post_of
from platforms.paging import Entry, read_ahead, read_down

STATUSES = 40
"""The most that Mastodon gives of statuses at once, and what it gives of notifications unasked."""
_NOTIFICATIONS = 80  # the most of these


class MastodonInbox:
    def __init__(self, client: MastodonClient, own_id: str) -> None:
        self._client = client
        self._own = own_id

    def mentions(self, cursor: str) -> Batch[Incoming]:
        def page(min_id: str | None, most: int) -> list[Entry[Incoming]]:
            rows = self._client.rows(
                "/api/v1/notifications",
                {"types[]": ["mention", "quote"], "limit": most, "min_id": min_id},
            )
            return [self._notified(row) for row in rows]

        # Some servers give 40 however many are asked for: there may be more after as many.
        batch = read_ahead(
            cursor,
            newest=lambda: page(None, STATUSES),
            after=lambda id_: page(id_ or "0", _NOTIFICATIONS),
            page_size=STATUSES,
        )
        return replace(batch, items=self._with_threads(batch.items))

    def _notified(self, row: Row) -> Entry[Incoming]:
        at = datetime.now(UTC)
        item = None
        try:
            kind = MentionKind.QUOTE if row.get("type") == "quote" else None
            status = row.get("status")
            if row.get("type") in ("mention", "quote") and isinstance(status, Mapping):
                item = incoming_of(status, kind, own_id=self._own, host=self._client.host)
                at = time_of(row.get("created_at"))
                # Its author's server says when it was written; it cannot be after we heard of it.
                item = replace(item, posted_at=min(item.posted_at, at))
        except Malformed:
            item = None  # one row that somebody's server wrote wrongly must not stop the rest
        return Entry(str(row.get("id", "")), at, item)

    def _with_threads(self, items: Sequence[Incoming]) -> list[Incoming]:
        """The same with `thread_id` set to the first post of each thread."""
        roots: dict[str, str] = {}
        result = []
        for item in items:
            if item.in_reply_to and item.in_reply_to not in roots:
                self._find_root(item, roots)
            root = roots.get(item.in_reply_to, item.thread_id)
            roots[item.remote_id] = root
            result.append(replace(item, thread_id=root))
        return result

    def _find_root(self, item: Incoming, roots: dict[str, str]) -> None:
        def pick(api: Mastodon) -> list[str]:
            context = api.status_context(item.remote_id)
            return [text_of(above.get("id")) for above in objects(context.get("ancestors"))]

        try:
            above = self._client.ask(pick)
        except (Refused, RetryLater):
            above = []  # it stays under its parent, which is all that the server tells
        for status_id in above:
            roots[status_id] = above[0]

    def own_posts(self, cursor: str) -> Batch[OwnPost]:
        def page(min_id: str | None) -> list[Entry[OwnPost]]:
            entries: list[Entry[OwnPost]] = []
            for row in own_statuses(self._client, self._own, min_id=min_id):
                try:
                    post = own_post_of(row)
                    entries.append(Entry(post.remote_id, post.posted_at, post))
                except Malformed:
                    entries.append(Entry(str(row.get("id", "")), datetime.now(UTC), None))
            return entries

        return read_ahead(
            cursor,
            newest=lambda: page(None),
            after=lambda id_: page(id_ or "0"),
            page_size=STATUSES,
        )

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        """Posts with a hashtag ('#flood'), or with words where the server can search for words."""
        words = clean_text(query, 300)
        if not words:
            raise Refused("There is nothing to search for.", code="empty_query")
        if re.fullmatch(r"#\w+", words):
            return read_ahead(
                cursor,
                newest=lambda: self._tagged(words[1:], None),
                after=lambda id_: self._tagged(words[1:], id_ or "0"),
                page_size=STATUSES,
            )

        def page(place: str) -> tuple[list[Entry[Incoming]], str]:
            offset = int(place) if place.isdecimal() else 0
            found = self._found(words, offset)
            following = str(offset + len(found)) if len(found) >= STATUSES else ""
            return [e for row in found for e in self._match(row)], following

        return read_down(cursor, page=page, max_pages=4, resume=False)

    def _tagged(self, tag: str, min_id: str | None) -> list[Entry[Incoming]]:
        rows = self._client.rows(
            f"/api/v1/timelines/tag/{quote(tag, safe='')}", {"limit": STATUSES, "min_id": min_id}
        )
        return [entry for row in rows for entry in self._match(row)]

    def _found(self, words: str, offset: int) -> list[Row]:
        def pick(api: Mastodon) -> list[Row]:
            answer = api.search_v2(
                words, resolve=False, result_type="statuses", offset=offset or None, limit=STATUSES
            )
            if not isinstance(answer.get("statuses"), list):
                raise Malformed("no statuses")
            return list(objects(answer["statuses"]))

        try:
            return self._client.ask(pick)
        except Refused as refused:
            if refused.code != "404":
                raise
        raise Refused(
            f"{self._client.host} cannot search for words. Try a hashtag.", code="no_search"
        )

    def _match(self, row: Row) -> list[Entry[Incoming]]:
        try:
            item = incoming_of(row, MentionKind.MATCH, own_id=self._own, host=self._client.host)
        except Malformed:
            return []
        if item.author.remote_id == self._own:
            return [Entry(item.remote_id, item.posted_at, None)]
        return [Entry(item.remote_id, item.posted_at, item)]


def own_statuses(
    client: MastodonClient, own: str, *, max_id: str | None = None, min_id: str | None = None
) -> list[Row]:
    """A page of the posts of the account `own`, as they came."""
    return client.rows(
        f"/api/v1/accounts/{quote(own, safe='')}/statuses",
        {"exclude_reblogs": "true", "limit": STATUSES, "max_id": max_id, "min_id": min_id},
    )

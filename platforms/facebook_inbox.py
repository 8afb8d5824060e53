"""What comes in at a Facebook Page: from five lists, each read on from where it was left."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

from platforms._graph import GraphClient, Row, objects, part, rows_of
from platforms.contract import Batch, Incoming, Refused
from platforms.facebook_views import (
    COMMENT_FIELDS,
    MESSAGE_FIELDS,
    POST_FIELDS,
    RATING_FIELDS,
    comment_of,
    message_of,
    post_of,
    rating_of,
)
from platforms.failures import Malformed
from platforms.paging import Entry, cursors_in, floor_of, reaches, read_down

_PAGE = 50
_POSTS = 25  # the newest posts whose comments are read
_FOLLOWED = 20  # further pages of comments in one reading
_NOT_ALLOWED = {"3", "10", "100", "200", "210", "230", "283", "298", "299"}
Entries = list[Entry[Incoming]]


class FacebookInbox:
    def __init__(self, client: GraphClient, page: str) -> None:
        self._client = client
        self._page = page

    def read(self, cursor: str) -> Batch[Incoming]:
        """All lists, oldest first. What the token may not read is left out; comments it has to."""
        state = cursors_in(cursor)
        found: list[Incoming] = []
        after: dict[str, str] = {}
        more = False
        sources: dict[str, Callable[[str], Batch[Incoming]]] = {
            "tagged": lambda place: self._list("tagged", POST_FIELDS, post_of, place),
            "comments": self._comments,
            "visitors": lambda place: self._list("visitor_posts", POST_FIELDS, post_of, place),
            "ratings": lambda place: self._list("ratings", RATING_FIELDS, rating_of, place),
            "messages": self._messages,
        }
        for name, read in sources.items():
            try:
                batch = read(state.get(name, ""))
            except Refused as refused:
                if refused.code not in _NOT_ALLOWED:
                    raise
                after[name] = state.get(name, "")
                continue
            found += batch.items
            after[name] = batch.cursor
            more = more or batch.more
        newest = {item.remote_id: item for item in found if item.author.remote_id != self._page}
        items = sorted(newest.values(), key=lambda item: (item.posted_at, item.remote_id))
        if not cursor:
            items = items[-_PAGE:]
        return Batch(items, json.dumps(after, sort_keys=True), more)

    def _list(
        self, edge: str, fields: str, made_of: Callable[[Row], Incoming], cursor: str
    ) -> Batch[Incoming]:
        def page(place: str) -> tuple[Entries, str]:
            rows, following = self._client.rows(self._page, edge, place, fields=fields, limit=_PAGE)
            return [_entry(row, made_of) for row in rows], following

        return read_down(cursor, page=page)

    def _comments(self, cursor: str) -> Batch[Incoming]:
        """Those under our newest posts. All that is new is gathered at once, across the posts."""
        floor = floor_of(cursor)

        def page(_place: str) -> tuple[Entries, str]:
            inner = f"comments.limit({_PAGE}).filter(stream).order(reverse_chronological)"
            posts, _ = self._client.rows(
                self._page,
                "published_posts",
                fields=f"id,{inner}{{{COMMENT_FIELDS}}}",
                limit=_POSTS,
            )
            entries: Entries = []
            left = _FOLLOWED
            for post in posts:
                found, following = _comments_of(post)
                while following and floor is not None and left and reaches(found, floor):
                    left -= 1
                    entries += found
                    found, following = self._more_comments(str(post.get("id")), following)
                entries += found
            return sorted(entries, key=lambda entry: entry.at, reverse=True), ""

        return read_down(cursor, page=page)

    def _more_comments(self, post_id: str, after: str) -> tuple[Entries, str]:
        rows, following = self._client.rows(
            post_id,
            "comments",
            after,
            fields=COMMENT_FIELDS,
            filter="stream",
            order="reverse_chronological",
            limit=_PAGE,
        )
        return [_entry(row, lambda r: comment_of(r, post_id)) for row in rows], following

    def _messages(self, cursor: str) -> Batch[Incoming]:
        """The newest messages of the conversations that changed last."""

        def page(place: str) -> tuple[Entries, str]:
            fields = f"id,updated_time,messages.limit(25){{{MESSAGE_FIELDS}}}"
            threads, following = self._client.rows(
                self._page, "conversations", place, fields=fields, limit=_POSTS
            )
            entries: Entries = []
            for thread in threads:
                id_ = str(thread.get("id") or "")
                rows = objects(part(thread, "messages").get("data"))
                entries += [_entry(row, lambda r, of=id_: message_of(r, of)) for row in rows]  # type: ignore[misc]  # a lambda with a default
            return sorted(entries, key=lambda entry: entry.at, reverse=True), following

        return read_down(cursor, page=page, max_pages=2, resume=False)


def _comments_of(post: Row) -> tuple[Entries, str]:
    post_id = str(post.get("id") or "")
    comments = part(post, "comments")
    if not comments:
        return [], ""
    try:
        rows, following = rows_of(comments)
    except Malformed:
        return [], ""
    return [_entry(row, lambda r: comment_of(r, post_id)) for row in rows], following


def _entry(row: Row, made_of: Callable[[Row], Incoming]) -> Entry[Incoming]:
    try:
        item = made_of(row)
    except Malformed:  # one row that cannot be read must not stop the rest
        return Entry(str(row.get("id") or ""), datetime.now(UTC), None)
    return Entry(item.remote_id, item.posted_at, item)

"""What comes in on Instagram: comments under our posts, and posts that tag the account."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from platforms._graph import GraphClient, Row, objects, part, rows_of
from platforms.contract import Batch, Incoming
from platforms.failures import Malformed
from platforms.instagram_views import COMMENT_FIELDS, MEDIA_FIELDS, comment_of, tag_of
from platforms.paging import Entry, cursors_in, floor_of, reaches, read_down

_PAGE = 50
_POSTS = 25  # the newest posts whose comments are read
_FOLLOWED = 20
Entries = list[Entry[Incoming]]


class InstagramInbox:
    def __init__(self, client: GraphClient, account: str, handle: str) -> None:
        self._client = client
        self._account = account
        self._handle = handle

    def read(self, cursor: str) -> Batch[Incoming]:
        """Both lists, oldest first; our own comments are left out."""
        state = cursors_in(cursor)
        tags = read_down(state.get("tags", ""), page=self._tags)
        floor = floor_of(state.get("comments", ""))
        comments = read_down(
            state.get("comments", ""), page=lambda _place: (self._comments(floor), "")
        )
        found = [*tags.items, *comments.items]
        items = sorted(found, key=lambda item: (item.posted_at, item.remote_id))
        after = {"tags": tags.cursor, "comments": comments.cursor}
        return Batch(
            items if cursor else items[-_PAGE:], json.dumps(after, sort_keys=True), tags.more
        )

    def _tags(self, place: str) -> tuple[Entries, str]:
        rows, following = self._client.rows(
            self._account, "tags", place, fields=MEDIA_FIELDS, limit=_PAGE
        )
        entries: Entries = []
        for row in rows:
            try:
                item = tag_of(row)
                entries.append(Entry(item.remote_id, item.posted_at, item))
            except Malformed:  # one row that cannot be read must not stop the rest
                entries.append(Entry(str(row.get("id") or ""), datetime.now(UTC), None))
        return entries, following

    def _comments(self, floor: datetime | None) -> Entries:
        """Those under our newest posts, down to `floor`; with the answers under each."""
        inner = f"{COMMENT_FIELDS},replies.limit({_PAGE}){{{COMMENT_FIELDS}}}"
        posts, _ = self._client.rows(
            self._account,
            "media",
            fields=f"id,permalink,comments.limit({_PAGE}){{{inner}}}",
            limit=_POSTS,
        )
        entries: Entries = []
        left = _FOLLOWED
        for post in posts:
            found, following = self._of_post(part(post, "comments"), post)
            entries += found
            while following and floor is not None and left and reaches(found, floor):
                left -= 1
                answer = self._client.get(
                    str(post.get("id")), "comments", dict, fields=inner, after=following
                )
                found, following = self._of_post(answer, post)
                entries += found
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    def _of_post(self, comments: Row, post: Row) -> tuple[Entries, str]:
        entries: Entries = []
        try:
            rows, following = rows_of(comments)
        except Malformed:
            return [], ""
        for row in rows:
            entries.append(self._entry(row, post))
            for answer in objects(part(row, "replies").get("data")):
                entries.append(self._entry({"parent_id": row.get("id"), **answer}, post))
        return entries, following

    def _entry(self, row: Row, post: Row) -> Entry[Incoming]:
        try:
            item = comment_of(row, post)
        except Malformed:
            return Entry(str(row.get("id") or ""), datetime.now(UTC), None)
        ours = item.author.handle == self._handle
        return Entry(item.remote_id, item.posted_at, None if ours else item)

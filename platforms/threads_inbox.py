"""What comes in on Threads: posts that name the account, and replies under its newest posts."""

from __future__ import annotations

import json
from datetime import datetime

from platforms.contract import Batch, Incoming, MentionKind
from platforms.paging import Entry, cursors_in, floor_of, reaches, read_down
from platforms.threads_client import ThreadsClient
from platforms.threads_views import POST_FIELDS, entry_of, incoming_of

_PAGE = 50
_POSTS = 25
_ASKED = 10  # posts with replies that are asked for them, the newest first
_FOLLOWED = 20
Entries = list[Entry[Incoming]]


class ThreadsInbox:
    def __init__(self, client: ThreadsClient, account: str, handle: str) -> None:
        self._client = client
        self._account = account
        self._handle = handle

    def read(self, cursor: str) -> Batch[Incoming]:
        """Both lists, oldest first; our own replies are left out."""
        state = cursors_in(cursor)
        mentions = read_down(state.get("mentions", ""), page=self._mentions)
        floor = floor_of(state.get("replies", ""))
        replies = read_down(
            state.get("replies", ""), page=lambda _place: (self._replies(floor), "")
        )
        found = {item.remote_id: item for item in (*mentions.items, *replies.items)}
        items = sorted(found.values(), key=lambda item: (item.posted_at, item.remote_id))
        after = {"mentions": mentions.cursor, "replies": replies.cursor}
        return Batch(
            items if cursor else items[-_PAGE:], json.dumps(after, sort_keys=True), mentions.more
        )

    def _mentions(self, place: str) -> tuple[Entries, str]:
        rows, following = self._client.rows(
            self._account, "mentions", place, fields=POST_FIELDS, limit=_PAGE
        )
        made = [entry_of(row, lambda r: incoming_of(r, MentionKind.MENTION)) for row in rows]
        return made, following

    def _replies(self, floor: datetime | None) -> Entries:
        posts, _ = self._client.rows(
            self._account, "threads", fields="id,has_replies", limit=_POSTS
        )
        asked = [str(post.get("id")) for post in posts if post.get("has_replies") is True]
        entries: Entries = []
        left = _FOLLOWED
        for post_id in asked[:_ASKED]:
            found, following = self._under(post_id, "")
            entries += found
            while following and floor is not None and left and reaches(found, floor):
                left -= 1
                found, following = self._under(post_id, following)
                entries += found
        return sorted(entries, key=lambda entry: entry.at, reverse=True)

    def _under(self, post_id: str, after: str) -> tuple[Entries, str]:
        rows, following = self._client.rows(
            post_id, "conversation", after, fields=POST_FIELDS, limit=_PAGE, reverse="true"
        )
        entries: Entries = []
        for row in rows:
            entry = entry_of(row, lambda r: incoming_of(r, MentionKind.REPLY))
            ours = entry.item is not None and entry.item.author.handle == self._handle
            entries.append(Entry(entry.id, entry.at, None) if ours else entry)
        return entries, following

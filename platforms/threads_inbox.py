"""What comes in on Threads: posts that name the account, and replies under its newest posts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from platforms.contract import Batch, Incoming, MentionKind
from platforms.keeping import told_in
from platforms.paging import Entry, read_down
from platforms.threads_client import ThreadsClient
from platforms.threads_views import POST_FIELDS, entry_of, incoming_of

_PAGE = 50
_POSTS = 25
_ASKED = 10  # posts with replies that are asked for them, the newest first
_FOLLOWED = 20
_SLACK = timedelta(seconds=30)
Entries = list[Entry[Incoming]]


class ThreadsInbox:
    def __init__(self, client: ThreadsClient, account: str, handle: str) -> None:
        self._client = client
        self._account = account
        self._handle = handle

    def read(self, cursor: str) -> Batch[Incoming]:
        """Both lists, oldest first; our own replies are left out."""
        state = {k: v for k, v in told_in(cursor).items() if isinstance(v, str)}
        mentions = read_down(state.get("mentions", ""), page=self._mentions)
        floor = _floor(state.get("replies", ""))
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
            while following and floor is not None and left and _reaches(found, floor):
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


def _reaches(entries: Entries, floor: datetime) -> bool:
    return bool(entries) and min(entry.at for entry in entries) >= floor - _SLACK


def _floor(cursor: str) -> datetime | None:
    try:
        return datetime.fromisoformat(str(told_in(cursor).get("floor"))).astimezone(UTC)
    except ValueError:
        return None

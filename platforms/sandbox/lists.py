"""Reading the Sandbox: the timeline, profiles, threads, notices and search, all by keyset."""

from __future__ import annotations

import json

from platforms.sandbox.database import Database
from platforms.sandbox.records import PAGE_MAX, Account, NotAllowed, Notice, Post
from platforms.sandbox.rows import POSTS, VISIBLE, load_posts

_NOTICES = (
    "SELECT n.post_id, n.kind FROM notices n JOIN posts p ON p.id = n.post_id"
    " WHERE n.account_id = ? AND n.post_id > ? AND p.deleted_at IS NULL"
    " AND p.author_id NOT IN (SELECT blocked_id FROM blocks WHERE account_id = ?)"
)
_THESE = " WHERE p.id IN (SELECT value FROM json_each(?)) ORDER BY p.id"
_NEWEST_FIRST = " ORDER BY n.post_id DESC LIMIT ?"
_OLDEST_FIRST = " ORDER BY n.post_id LIMIT ?"


class Lists:
    def __init__(self, database: Database) -> None:
        self.database = database

    def timeline(self, *, before: int | None = None, limit: int = 20) -> list[Post]:
        """Posts that start a thread, newest first, older than post id `before`."""
        return self._posts(
            f"{POSTS} WHERE {VISIBLE} AND p.in_reply_to IS NULL AND p.id < ?"
            " ORDER BY p.id DESC LIMIT ?",
            (_or_top(before), limit),
        )

    def starters_since(self, post_id: int) -> int:
        """How many threads began after `post_id`; at most 100 are counted."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT count(*) FROM (SELECT 1 FROM posts WHERE in_reply_to IS NULL"
                " AND deleted_at IS NULL AND id > ? LIMIT 100)",
                (post_id,),
            ).fetchone()
        return int(row[0])

    def profile(
        self, account: Account, *, before: int | None = None, limit: int = 20
    ) -> list[Post]:
        """Posts and replies of `account`, newest first, older than post id `before`."""
        return self._posts(
            f"{POSTS} WHERE {VISIBLE} AND p.author_id = ? AND p.id < ? ORDER BY p.id DESC LIMIT ?",
            (account.id, _or_top(before), limit),
        )

    def thread(self, root_id: int, *, limit: int = 500) -> list[Post]:
        """Everything in a thread, deleted and hidden posts too, oldest first."""
        return self._posts(f"{POSTS} WHERE p.root_id = ? ORDER BY p.id LIMIT ?", (root_id, limit))

    def own_posts(self, account: Account, after: int | None, limit: int) -> tuple[list[Post], bool]:
        """Posts of `account` after an id (None: the latest ones), oldest first; is there more?"""
        return self._after("p.deleted_at IS NULL AND p.author_id = ?", (account.id,), after, limit)

    def search(
        self, query: str, after: int | None, limit: int, *, but_not_by: Account | None = None
    ) -> tuple[list[Post], bool]:
        """Posts that hold every word of `query`, whatever the case, in the manner of own_posts."""
        words = query.casefold().split()[:10]
        if not words:
            raise NotAllowed("query_empty", "Say what to search for.", field="q")
        where = " AND ".join(
            [VISIBLE, "p.author_id <> ?", *["instr(p.folded, ?) > 0"] * len(words)]
        )
        skipped = but_not_by.id if but_not_by else 0
        return self._after(where, (skipped, *words), after, limit)

    def notices(self, account: Account, after: int | None, limit: int) -> tuple[list[Notice], bool]:
        """Mentions, replies and quotes for `account`, in the manner of own_posts.

        Deleted posts and those of blocked people are left out.
        """
        limit = max(1, min(limit, PAGE_MAX))
        with self.database.reading() as connection:
            # By the index of notices alone: an account may have very many.
            kinds = {
                row["post_id"]: row["kind"]
                for row in connection.execute(
                    _NOTICES + (_NEWEST_FIRST if after is None else _OLDEST_FIRST),
                    (account.id, after or 0, account.id, limit + 1),
                )
            }
            chosen = list(kinds)[:limit]
            posts = load_posts(
                connection,
                POSTS + _THESE,
                (json.dumps(chosen),),
            )
        more = after is not None and len(kinds) > limit
        return [Notice(kinds[post.id], post) for post in posts], more

    def _after(
        self, where: str, values: tuple[object, ...], after: int | None, limit: int
    ) -> tuple[list[Post], bool]:
        limit = max(1, min(limit, PAGE_MAX))
        if after is None:
            latest = self._posts(
                f"{POSTS} WHERE {where} ORDER BY p.id DESC LIMIT ?", (*values, limit)
            )
            return latest[::-1], False
        found = self._posts(
            f"{POSTS} WHERE {where} AND p.id > ? ORDER BY p.id LIMIT ?",
            (*values, after, limit + 1),
        )
        return found[:limit], len(found) > limit

    def _posts(self, sql: str, values: tuple[object, ...]) -> list[Post]:
        with self.database.reading() as connection:
            return load_posts(connection, sql, values)


def _or_top(before: int | None) -> int:
    return 2**62 if before is None else before

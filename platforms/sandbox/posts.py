"""Writing on the Sandbox: posting, deleting, hiding, and the rules for it."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from platforms.sandbox.database import Database
from platforms.sandbox.extras import stored
from platforms.sandbox.records import (
    ALT_TEXT_MAX,
    IMAGES_MAX,
    TEXT_MAX,
    VIDEO_TYPE,
    Account,
    Extras,
    NotAllowed,
    Post,
)
from platforms.sandbox.rows import post_now, post_or_none, stamp
from platforms.sandbox.text import clean, linked_post_ids, mentioned_handles


class Posts:
    def __init__(self, database: Database) -> None:
        self.database = database

    def create(
        self,
        author: Account,
        text: str,
        *,
        in_reply_to: int | None = None,
        images: Sequence[tuple[str, str]] = (),
        extras: Extras = Extras(),  # noqa: B008 - frozen
        key: str | None = None,
        now: datetime | None = None,
    ) -> tuple[Post, bool]:
        """The post, and whether it is new. `images` are (media id, alt text).

        The same author and key give the same post for ever, also after it was deleted; the same
        key with other content is NotAllowed, as is whatever breaks a limit.
        """
        text = clean(text)
        images = [(media_id, clean(alt)) for media_id, alt in images]
        _check_content(text, images)
        with self.database.writing() as connection:
            fingerprint = _fingerprint(connection, author, text, in_reply_to, images, extras)
            if key is not None and (earlier := _by_key(connection, author, key)):
                if earlier["fingerprint"] != fingerprint:
                    raise NotAllowed(
                        "key_reused", "This idempotency key was used for another post."
                    )
                return post_now(connection, earlier["id"]), False
            root_id = _check_reply(connection, author, in_reply_to)
            quoted = _quoted(connection, extras)
            cursor = connection.execute(
                "INSERT INTO posts (author_id, text, folded, created_at, in_reply_to,"
                " idempotency_key, fingerprint, extras) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(author.id, text, text.casefold(), stamp(now)),
                    *(in_reply_to, key, fingerprint, stored(extras)),
                ),
            )
            post_id = cursor.lastrowid
            assert post_id is not None  # an INSERT always sets it
            connection.execute(
                "UPDATE posts SET root_id = ? WHERE id = ?", (root_id or post_id, post_id)
            )
            connection.executemany(
                "INSERT INTO post_images (post_id, position, media_id, alt_text)"
                " VALUES (?, ?, ?, ?)",
                [(post_id, n, media_id, alt) for n, (media_id, alt) in enumerate(images)],
            )
            _notify(connection, post_id, author, text, in_reply_to, quoted)
            return post_now(connection, post_id), True

    def get(self, post_id: int) -> Post | None:
        with self.database.reading() as connection:
            return post_or_none(connection, post_id)

    def by_key(self, author: Account, key: str) -> Post | None:
        with self.database.reading() as connection:
            row = _by_key(connection, author, key)
            return post_now(connection, row["id"]) if row else None

    def edit(self, author: Account, post_id: int, text: str) -> Post | None:
        """Let a post say something else; None when it is gone. Raises NotAllowed."""
        text = clean(text)
        with self.database.writing() as connection:
            post = post_or_none(connection, post_id)
            if post is None or post.deleted:
                return None
            if post.author.id != author.id:
                raise NotAllowed("not_yours", "Only its author can edit a post.", status=403)
            _check_content(text, [(one.media_id, one.alt_text) for one in post.images])
            if text != post.text:
                connection.execute(
                    "UPDATE posts SET text = ?, folded = ?, edited_at = ? WHERE id = ?",
                    (text, text.casefold(), stamp(), post_id),
                )
            return post_now(connection, post_id)

    def delete(self, author: Account, post_id: int) -> bool:
        """Take a post down; False when it is gone already. Raises NotAllowed for others' posts."""
        with self.database.writing() as connection:
            post = post_or_none(connection, post_id)
            if post is None or post.deleted:
                return False
            if post.author.id != author.id:
                raise NotAllowed("not_yours", "Only its author can delete a post.", status=403)
            _delete(connection, post_id)
        return True

    def hide(self, account: Account, post_id: int) -> bool:
        """Hide somebody's reply in a thread of `account`; False when there is no such post."""
        with self.database.writing() as connection:
            if not _is_under(connection, account, post_id):
                return False
            connection.execute(
                "UPDATE posts SET hidden_at = coalesce(hidden_at, ?) WHERE id = ?",
                (stamp(), post_id),
            )
        return True

    def show(self, account: Account, post_id: int) -> bool:
        """Show again what `hide` hid; False when there is no such post."""
        with self.database.writing() as connection:
            if not _is_under(connection, account, post_id):
                return False
            connection.execute("UPDATE posts SET hidden_at = NULL WHERE id = ?", (post_id,))
        return True

    def remove(self, account: Account, post_id: int) -> bool:
        """Delete somebody's reply in a thread of `account`; False when it is gone already."""
        with self.database.writing() as connection:
            if not _is_under(connection, account, post_id):
                return False
            _delete(connection, post_id)
        return True


def _is_under(connection: sqlite3.Connection, account: Account, post_id: int) -> bool:
    """Whether there is such a post; NotAllowed when it is no reply in a thread of `account`."""
    post = post_or_none(connection, post_id)
    if post is None or post.deleted:
        return False
    rows = connection.execute(
        "SELECT author_id FROM posts WHERE id IN (?, ?)", (post.root_id, post.in_reply_to)
    )
    if post.in_reply_to is None or account.id not in {row["author_id"] for row in rows}:
        raise NotAllowed(
            "not_your_thread",
            "Only replies to one's own posts can be hidden or deleted.",
            status=403,
        )
    return True


def _delete(connection: sqlite3.Connection, post_id: int) -> None:
    connection.execute("DELETE FROM post_images WHERE post_id = ?", (post_id,))
    connection.execute(
        "UPDATE posts SET text = '', folded = '', deleted_at = ? WHERE id = ?", (stamp(), post_id)
    )


def _by_key(connection: sqlite3.Connection, author: Account, key: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = connection.execute(
        "SELECT id, fingerprint FROM posts WHERE author_id = ? AND idempotency_key = ?",
        (author.id, key),
    ).fetchone()
    return row


def _check_content(text: str, images: Sequence[tuple[str, str]]) -> None:
    if not text and not images:
        raise NotAllowed("text_empty", "Write something first.", field="text")
    if len(text) > TEXT_MAX:
        raise NotAllowed(
            "text_too_long",
            f"A post has at most {TEXT_MAX} characters; this one has {len(text)}.",
            field="text",
        )
    if len(images) > IMAGES_MAX:
        raise NotAllowed("too_many_images", f"A post has at most {IMAGES_MAX} images.")
    if any(len(alt) > ALT_TEXT_MAX for _, alt in images):
        raise NotAllowed(
            "alt_text_too_long", f"An image description has at most {ALT_TEXT_MAX} characters."
        )


def _fingerprint(
    connection: sqlite3.Connection,
    author: Account,
    text: str,
    in_reply_to: int | None,
    images: Sequence[tuple[str, str]],
    extras: Extras,
) -> str:
    """What makes two requests the same post: images count by content, not by upload."""
    parts: list[object] = [text, in_reply_to]
    if extras != Extras():
        parts.append(stored(extras))
    for media_id, alt in images:
        row = connection.execute(
            "SELECT sha256, mime FROM media WHERE id = ? AND account_id = ?", (media_id, author.id)
        ).fetchone()
        if row is None:
            raise NotAllowed("image_missing", "An image of this post was never uploaded.")
        if row["mime"] == VIDEO_TYPE and len(images) > 1:
            raise NotAllowed("mixed_media", "A post has either images or one video.")
        parts.append([row["sha256"], alt])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _check_reply(
    connection: sqlite3.Connection, author: Account, in_reply_to: int | None
) -> int | None:
    """The thread a reply belongs to; None for a post that starts one."""
    if in_reply_to is None:
        return None
    target = post_or_none(connection, in_reply_to)
    if target is None or target.deleted:
        raise NotAllowed("reply_target_missing", "The post you are replying to is gone.")
    if connection.execute(
        "SELECT 1 FROM blocks WHERE account_id = ? AND blocked_id = ?",
        (target.author.id, author.id),
    ).fetchone():
        raise NotAllowed("blocked", f"@{target.author.handle} has blocked @{author.handle}.")
    root = post_now(connection, target.root_id)
    if not _may_answer(root, author):
        raise NotAllowed("not_asked", f"@{root.author.handle} lets only some people reply here.")
    return target.root_id


def _may_answer(root: Post, author: Account) -> bool:
    """Who may reply in a thread. Nobody follows anybody here: official accounts follow each other,
    as it were."""
    if root.extras.audience == "everybody" or author.id == root.author.id:
        return True
    if root.extras.audience == "followed" and author.official:
        return True
    return author.handle in mentioned_handles(root.text)


def _quoted(connection: sqlite3.Connection, extras: Extras) -> Post | None:
    if extras.quote is None:
        return None
    post = post_or_none(connection, extras.quote)
    if post is None or post.deleted:
        raise NotAllowed("quote_missing", "The post you are quoting is gone.")
    return post


def _notify(
    connection: sqlite3.Connection,
    post_id: int,
    author: Account,
    text: str,
    parent: int | None,
    quoted: Post | None,
) -> None:
    """One notice per account: being answered says more than being quoted or mentioned."""
    kinds: dict[int, str] = {}
    for row in connection.execute(
        "SELECT id FROM accounts WHERE handle IN (SELECT value FROM json_each(?))",
        (json.dumps(mentioned_handles(text)),),
    ):
        kinds[row["id"]] = "mention"
    for handle, linked in linked_post_ids(text):
        for row in connection.execute(
            "SELECT a.id FROM posts p JOIN accounts a ON a.id = p.author_id"
            " WHERE p.id = ? AND a.handle = ? AND p.deleted_at IS NULL",
            (linked, handle),
        ):
            kinds[row["id"]] = "quote"
    if quoted is not None:
        kinds[quoted.author.id] = "quote"
    if parent is not None:
        row = connection.execute("SELECT author_id FROM posts WHERE id = ?", (parent,)).fetchone()
        kinds[row["author_id"]] = "reply"
    kinds.pop(author.id, None)
    connection.executemany(
        "INSERT INTO notices (account_id, post_id, kind) VALUES (?, ?, ?)",
        [(account_id, post_id, kind) for account_id, kind in kinds.items()],
    )

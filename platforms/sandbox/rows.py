"""From rows of the Sandbox's tables to records."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime

from platforms.sandbox.extras import loaded
from platforms.sandbox.records import Account, Post, StoredImage

POST_COLUMNS = """
    p.id, p.text, p.created_at, p.in_reply_to, p.root_id, p.hidden_at, p.deleted_at, p.edited_at,
    p.extras,
    a.id AS a_id, a.handle, a.display_name, a.bio, a.official, a.created_at AS a_created_at,
    (SELECT count(*) FROM posts r
      WHERE r.root_id = p.root_id AND r.in_reply_to = p.id AND r.deleted_at IS NULL) AS replies
"""
POSTS = f"SELECT {POST_COLUMNS} FROM posts p JOIN accounts a ON a.id = p.author_id"  # noqa: S608 - constants only
VISIBLE = "p.deleted_at IS NULL AND p.hidden_at IS NULL"


def stamp(now: datetime | None = None) -> str:
    return (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds")


def account_from(row: sqlite3.Row) -> Account:
    return Account(
        row["id"],
        row["handle"],
        row["display_name"],
        row["bio"],
        bool(row["official"]),
        datetime.fromisoformat(row["created_at"]),
    )


def load_posts(connection: sqlite3.Connection, sql: str, values: tuple[object, ...]) -> list[Post]:
    rows = connection.execute(sql, values).fetchall()
    images: dict[int, list[StoredImage]] = {}
    for image in connection.execute(
        "SELECT i.post_id, i.alt_text, m.* FROM post_images i JOIN media m ON m.id = i.media_id"
        " WHERE i.post_id IN (SELECT value FROM json_each(?)) ORDER BY i.post_id, i.position",
        (json.dumps([row["id"] for row in rows]),),
    ):
        images.setdefault(image["post_id"], []).append(
            StoredImage(
                image["id"], image["mime"], image["width"], image["height"], image["alt_text"]
            )
        )
    return _with_quoted(connection, [_post_from(row, images) for row in rows])


def _post_from(row: sqlite3.Row, images: dict[int, list[StoredImage]]) -> Post:
    return Post(
        id=row["id"],
        author=Account(
            row["a_id"],
            row["handle"],
            row["display_name"],
            row["bio"],
            bool(row["official"]),
            datetime.fromisoformat(row["a_created_at"]),
        ),
        text=row["text"],
        created_at=datetime.fromisoformat(row["created_at"]),
        in_reply_to=row["in_reply_to"],
        root_id=row["root_id"],
        hidden=row["hidden_at"] is not None,
        deleted=row["deleted_at"] is not None,
        replies=row["replies"],
        images=tuple(images.get(row["id"], ())),
        extras=loaded(row["extras"]),
        edited_at=datetime.fromisoformat(row["edited_at"]) if row["edited_at"] else None,
    )


def _with_quoted(connection: sqlite3.Connection, posts: list[Post]) -> list[Post]:
    """The same with what they quote; a quote within a quote is not followed."""
    wanted = {post.extras.quote for post in posts if post.extras.quote}
    if not wanted:
        return posts
    rows = connection.execute(
        f"{POSTS} WHERE p.id IN (SELECT value FROM json_each(?)) AND {VISIBLE}",  # noqa: S608 - constants only
        (json.dumps(sorted(wanted)),),
    )
    by_id = {row["id"]: _post_from(row, {}) for row in rows}
    return [replace(post, quoted=by_id.get(post.extras.quote or 0)) for post in posts]


def post_or_none(connection: sqlite3.Connection, post_id: int) -> Post | None:
    posts = load_posts(connection, f"{POSTS} WHERE p.id = ?", (post_id,))
    return posts[0] if posts else None


def post_now(connection: sqlite3.Connection, post_id: int) -> Post:
    post = post_or_none(connection, post_id)
    assert post is not None  # the caller has just read or written it in this transaction
    return post

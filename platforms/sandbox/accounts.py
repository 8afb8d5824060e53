"""Who is on the Sandbox: accounts, their access tokens, and whom they blocked."""

from __future__ import annotations

import hashlib
import json
import secrets
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from platforms.sandbox.database import Database
from platforms.sandbox.records import BIO_MAX, NAME_MAX, Account, NotAllowed
from platforms.sandbox.rows import account_from, stamp
from platforms.sandbox.text import HANDLE, clean


class Accounts:
    def __init__(self, database: Database) -> None:
        self.database = database

    def create(
        self,
        *,
        handle: str,
        display_name: str,
        bio: str = "",
        official: bool = False,
        now: datetime | None = None,
    ) -> Account:
        """A new account; raises NotAllowed for a handle that is taken or not well formed."""
        handle = handle.strip().removeprefix("@").lower()
        display_name = " ".join(clean(display_name).split())
        bio = clean(bio)
        if not HANDLE.fullmatch(handle):
            raise NotAllowed(
                "handle_invalid",
                "A handle has 2 to 30 letters a to z, digits or underscores.",
                field="handle",
            )
        if not display_name or len(display_name) > NAME_MAX:
            raise NotAllowed(
                "name_invalid", f"A name has 1 to {NAME_MAX} characters.", field="display_name"
            )
        if len(bio) > BIO_MAX:
            raise NotAllowed(
                "bio_too_long", f"A description has at most {BIO_MAX} characters.", field="bio"
            )
        created = stamp(now)
        try:
            with self.database.writing() as connection:
                cursor = connection.execute(
                    "INSERT INTO accounts (handle, display_name, bio, official, created_at)"
                    " VALUES (?, ?, ?, ?, ?)",
                    (handle, display_name, bio, int(official), created),
                )
                account_id = cursor.lastrowid
        except sqlite3.IntegrityError:
            raise NotAllowed(
                "handle_taken", f"@{handle} is taken already.", field="handle"
            ) from None
        assert account_id is not None  # an INSERT always sets it
        return Account(
            account_id, handle, display_name, bio, official, datetime.fromisoformat(created)
        )

    def by_handle(self, handle: str) -> Account | None:
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT * FROM accounts WHERE handle = ?", (handle.lower(),)
            ).fetchone()
        return account_from(row) if row else None

    def by_token(self, token: str) -> Account | None:
        """Whose `token` is; None when it is nobody's or was revoked."""
        with self.database.reading() as connection:
            row = connection.execute(
                "SELECT a.* FROM tokens t JOIN accounts a ON a.id = t.account_id"
                " WHERE t.hash = ? AND t.revoked_at IS NULL",
                (_token_hash(token),),
            ).fetchone()
        return account_from(row) if row else None

    def listed(self, *, official: bool, limit: int = 100) -> list[Account]:
        """Official accounts by handle, or the people who posted most recently."""
        order = "a.handle" if official else "latest DESC, a.id DESC"
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT a.*, (SELECT max(p.id) FROM posts p WHERE p.author_id = a.id) AS latest"  # noqa: S608 - constants only
                f" FROM accounts a WHERE a.official = ? ORDER BY {order} LIMIT ?",
                (int(official), limit),
            ).fetchall()
        return [account_from(row) for row in rows]

    def known_handles(self, handles: Sequence[str]) -> set[str]:
        """Those of `handles` that belong to somebody."""
        wanted = list(handles)[:500]
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT handle FROM accounts WHERE handle IN (SELECT value FROM json_each(?))",
                (json.dumps(wanted),),
            ).fetchall()
        return {row["handle"] for row in rows}

    def token_create(self, account: Account, *, token: str = "") -> str:
        """A new access token for `account`; only its hash is kept, so it is shown once."""
        token = token or f"sandbox_{secrets.token_urlsafe(32)}"
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO tokens (hash, account_id, created_at) VALUES (?, ?, ?)",
                (_token_hash(token), account.id, stamp()),
            )
        return token

    def tokens_revoke(self, account: Account) -> int:
        """Make every token of `account` worthless; how many there were."""
        with self.database.writing() as connection:
            return connection.execute(
                "UPDATE tokens SET revoked_at = ? WHERE account_id = ? AND revoked_at IS NULL",
                (stamp(), account.id),
            ).rowcount

    def token_counts(self) -> dict[int, int]:
        """How many good tokens each account has, by account id."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT account_id, count(*) AS n FROM tokens WHERE revoked_at IS NULL"
                " GROUP BY account_id"
            ).fetchall()
        return {row["account_id"]: row["n"] for row in rows}

    def block(self, account: Account, blocked_id: int) -> bool:
        """From now on that person cannot reach `account`; False when there is no such person."""
        if blocked_id == account.id:
            raise NotAllowed("own_account", "An account cannot block itself.")
        with self.database.writing() as connection:
            found = connection.execute(
                "SELECT 1 FROM accounts WHERE id = ?", (blocked_id,)
            ).fetchone()
            if found:
                connection.execute(
                    "INSERT OR IGNORE INTO blocks (account_id, blocked_id) VALUES (?, ?)",
                    (account.id, blocked_id),
                )
        return found is not None

    def unblock(self, account: Account, blocked_id: int) -> bool:
        """Take a block back; False when there was none."""
        with self.database.writing() as connection:
            return bool(
                connection.execute(
                    "DELETE FROM blocks WHERE account_id = ? AND blocked_id = ?",
                    (account.id, blocked_id),
                ).rowcount
            )


def _token_hash(token: str) -> str:
    # Tokens are 256 random bits, so a plain hash cannot be guessed backwards.
    return hashlib.sha256(token.encode()).hexdigest()

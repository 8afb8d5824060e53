"""The SQLite file of the Sandbox: schema, connections, transactions.

SQLite lets one writer in at a time, so post ids rise in commit order; cursors rely on that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue

SCHEMA_VERSION = 3

SCHEMA = """
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    handle TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    bio TEXT NOT NULL DEFAULT '',
    official INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE tokens (
    hash TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    created_at TEXT NOT NULL,
    revoked_at TEXT
) STRICT;
CREATE INDEX tokens_account ON tokens (account_id);
CREATE TABLE posts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    author_id INTEGER NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    folded TEXT NOT NULL,
    created_at TEXT NOT NULL,
    in_reply_to INTEGER REFERENCES posts (id),
    root_id INTEGER REFERENCES posts (id),
    idempotency_key TEXT,
    fingerprint TEXT NOT NULL,
    hidden_at TEXT,
    deleted_at TEXT,
    extras TEXT NOT NULL DEFAULT '{}',
    edited_at TEXT
) STRICT;
CREATE UNIQUE INDEX posts_key ON posts (author_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
CREATE INDEX posts_author ON posts (author_id, id);
CREATE INDEX posts_root ON posts (root_id, id);
CREATE INDEX posts_starters ON posts (id) WHERE in_reply_to IS NULL AND deleted_at IS NULL;
CREATE TABLE media (
    id TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    sha256 TEXT NOT NULL,
    mime TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE post_images (
    post_id INTEGER NOT NULL REFERENCES posts (id),
    position INTEGER NOT NULL,
    media_id TEXT NOT NULL REFERENCES media (id),
    alt_text TEXT NOT NULL,
    PRIMARY KEY (post_id, position)
) STRICT;
CREATE TABLE notices (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    post_id INTEGER NOT NULL REFERENCES posts (id),
    kind TEXT NOT NULL,
    PRIMARY KEY (account_id, post_id)
) STRICT;
CREATE TABLE blocks (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    blocked_id INTEGER NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (account_id, blocked_id)
) STRICT;
CREATE TABLE faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    scope TEXT NOT NULL,
    handle TEXT NOT NULL,
    seconds REAL NOT NULL,
    times_left INTEGER,
    created_at TEXT NOT NULL
) STRICT;
CREATE TABLE ledger (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    handle TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL
) STRICT;
"""


_LATER = ("extras TEXT NOT NULL DEFAULT '{}'", "edited_at TEXT")
"""What each version but the first brought to the posts."""


class DataDirectoryError(Exception):
    """The data directory cannot be used; the message says why."""


class Database:
    """Connections to one SQLite file, lent to one thread at a time and then reused."""

    def __init__(self, directory: Path) -> None:
        """Open, and if need be create, `directory`/sandbox.sqlite3; raises DataDirectoryError."""
        self.path = directory / "sandbox.sqlite3"
        self._idle: LifoQueue[sqlite3.Connection] = LifoQueue()
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            with self.writing() as connection:
                self._prepare(connection)
        except DataDirectoryError:
            self.close()
            raise
        except (OSError, sqlite3.DatabaseError) as error:
            self.close()
            raise DataDirectoryError(f"Cannot use {directory}: {error}") from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One consistent view: everything read inside sees the same moment."""
        with self._lent() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("ROLLBACK")

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the one write lock from its first statement."""
        with self._lent() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def close(self) -> None:
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._idle.get_nowait()
        except Empty:
            connection = self._open()
        try:
            yield connection
        except sqlite3.DatabaseError:
            connection.close()
            raise
        except BaseException:
            self._idle.put(connection)
            raise
        self._idle.put(connection)

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=10, isolation_level=None, check_same_thread=False
        )
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")  # survives a killed process
            connection.execute("PRAGMA foreign_keys=ON")
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _prepare(connection: sqlite3.Connection) -> None:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version == SCHEMA_VERSION:
            return
        if version in (1, 2):
            for column in _LATER[version - 1 :]:
                connection.execute(f"ALTER TABLE posts ADD COLUMN {column}")
            connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
            return
        if version:
            raise DataDirectoryError(
                f"The Sandbox data is of version {version} and this is version {SCHEMA_VERSION}; "
                "empty the directory to start again."
            )
        for statement in SCHEMA.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

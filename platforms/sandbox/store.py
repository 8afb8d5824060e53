"""The Sandbox's store: one directory that holds an SQLite file and the uploaded images."""

from __future__ import annotations

from pathlib import Path

from platforms.sandbox.accounts import Accounts
from platforms.sandbox.database import Database
from platforms.sandbox.faults import Faults
from platforms.sandbox.ledger import Ledger
from platforms.sandbox.lists import Lists
from platforms.sandbox.media import MediaShelf
from platforms.sandbox.posts import Posts


class Store:
    """Everything the network remembers. Safe to use from many threads of one process."""

    def __init__(self, directory: Path) -> None:
        """Raises DataDirectoryError when `directory` cannot be used."""
        self.database = Database(directory)
        self.accounts = Accounts(self.database)
        self.posts = Posts(self.database)
        self.lists = Lists(self.database)
        self.media = MediaShelf(self.database, directory / "media")
        self.faults = Faults(self.database)
        self.ledger = Ledger(self.database)

    def is_empty(self) -> bool:
        with self.database.reading() as connection:
            return connection.execute("SELECT 1 FROM accounts LIMIT 1").fetchone() is None

    def close(self) -> None:
        self.database.close()

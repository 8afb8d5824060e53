"""What arrived at the Sandbox's API, and what came of it: its own account of events.

With it a test or a person can tell how often something was sent from how often it was published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from platforms.sandbox.database import Database
from platforms.sandbox.rows import stamp

KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Arrival:
    id: int
    at: datetime
    handle: str  # '' : no good token
    method: str
    path: str  # without the query
    key: str
    status: int
    outcome: str


class Ledger:
    def __init__(self, database: Database) -> None:
        self.database = database

    def note(
        self, *, handle: str, method: str, path: str, key: str, status: int, outcome: str
    ) -> None:
        with self.database.writing() as connection:
            cursor = connection.execute(
                "INSERT INTO ledger (at, handle, method, path, idempotency_key, status, outcome)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (stamp(), handle, method, path[:200], key[:100], status, outcome[:200]),
            )
            last = cursor.lastrowid or 0
            if last % 500 == 0:
                connection.execute("DELETE FROM ledger WHERE id <= ?", (last - KEPT,))

    def arrivals(
        self, *, key: str = "", path: str = "", before: int | None = None, limit: int = 50
    ) -> list[Arrival]:
        """Newest first; only those with `key` or of `path` where given."""
        with self.database.reading() as connection:
            rows = connection.execute(
                "SELECT * FROM ledger WHERE id < ? AND (? = '' OR idempotency_key = ?)"
                " AND (? = '' OR path = ?) ORDER BY id DESC LIMIT ?",
                (2**62 if before is None else before, key, key, path, path, min(limit, 1_000)),
            ).fetchall()
        return [
            Arrival(
                row["id"],
                datetime.fromisoformat(row["at"]),
                row["handle"],
                row["method"],
                row["path"],
                row["idempotency_key"],
                row["status"],
                row["outcome"],
            )
            for row in rows
        ]

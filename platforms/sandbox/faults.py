"""Misbehaviour on request: what the network can be told to do wrong, to whom and how often."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from platforms.sandbox.database import Database
from platforms.sandbox.records import NotAllowed
from platforms.sandbox.rows import stamp

SECONDS_MAX: Final = 120.0
TIMES_MAX: Final = 1_000
ACTIVE_MAX: Final = 100


class FaultKind(StrEnum):
    REFUSE = "refuse"
    RATE_LIMIT = "rate_limit"
    UNAVAILABLE = "unavailable"
    UNAUTHORISED = "unauthorised"
    ERROR_AFTER = "error_after"
    HANG = "hang"
    HANG_AFTER = "hang_after"
    SLOW = "slow"
    GARBLED = "garbled"
    FLOOD = "flood"


@dataclass(frozen=True, slots=True)
class FaultText:
    label: str
    explanation: str
    seconds: float | None = None  # what `seconds` is at first; None where time plays no part


FAULT_TEXTS: Final[dict[FaultKind, FaultText]] = {
    FaultKind.REFUSE: FaultText(
        "Refuse", "Answers 422 as if the content broke a rule. Nothing is accepted."
    ),
    FaultKind.RATE_LIMIT: FaultText(
        "Too many requests",
        "Answers 429 and asks to wait that many seconds. Nothing is accepted.",
        30,
    ),
    FaultKind.UNAVAILABLE: FaultText("Down for maintenance", "Answers 503. Nothing is accepted."),
    FaultKind.UNAUTHORISED: FaultText(
        "Authorisation lost", "Answers 401 as if the access token had been revoked."
    ),
    FaultKind.ERROR_AFTER: FaultText(
        "Accept, then fail", "Does what was asked, and then answers 500."
    ),
    FaultKind.HANG: FaultText(
        "Hang", "Does nothing and gives no answer for that many seconds.", 30
    ),
    FaultKind.HANG_AFTER: FaultText(
        "Accept, then hang",
        "Does what was asked, and then gives no answer for that many seconds.",
        30,
    ),
    FaultKind.SLOW: FaultText("Slow", "Waits that many seconds, and then works normally.", 5),
    FaultKind.GARBLED: FaultText(
        "Accept, then answer with a web page", "Does what was asked, and answers 200 with HTML."
    ),
    FaultKind.FLOOD: FaultText(
        "Accept, then answer with 10 MB", "Does what was asked, and the answer never seems to end."
    ),
}


class FaultScope(StrEnum):
    POSTING = "posting"
    READING = "reading"
    EVERYTHING = "everything"


SCOPE_TEXTS: Final = {
    FaultScope.POSTING: "Publishing a post or reply",
    FaultScope.READING: "Reading: mentions, own posts, search, look-ups",
    FaultScope.EVERYTHING: "Every request of an account",
}


@dataclass(frozen=True, slots=True)
class Fault:
    id: int
    kind: FaultKind
    scope: FaultScope
    handle: str  # '' : every account
    seconds: float
    times_left: int | None  # None: until it is turned off


class Faults:
    def __init__(self, database: Database) -> None:
        self.database = database

    def turn_on(
        self,
        kind: FaultKind,
        *,
        scope: FaultScope = FaultScope.POSTING,
        handle: str = "",
        seconds: float | None = None,
        times: int | None = None,
    ) -> Fault:
        """From now on, misbehave; `times` None means until turned off. Raises NotAllowed."""
        usual = FAULT_TEXTS[kind].seconds
        wait = (usual or 0.0) if seconds is None or usual is None else seconds
        if not 0 <= wait <= SECONDS_MAX:
            raise NotAllowed(
                "seconds_invalid", f"Give 0 to {SECONDS_MAX:.0f} seconds.", field="seconds"
            )
        if times is not None and not 1 <= times <= TIMES_MAX:
            raise NotAllowed(
                "times_invalid",
                f"Give 1 to {TIMES_MAX} times, or nothing for until it is turned off.",
                field="times",
            )
        handle = handle.strip().removeprefix("@").lower()
        with self.database.writing() as connection:
            if (
                handle
                and not connection.execute(
                    "SELECT 1 FROM accounts WHERE handle = ?", (handle,)
                ).fetchone()
            ):
                raise NotAllowed("account_missing", f"There is no @{handle} here.", field="handle")
            if connection.execute("SELECT count(*) FROM faults").fetchone()[0] >= ACTIVE_MAX:
                raise NotAllowed("too_many_faults", "Turn some faults off first.")
            cursor = connection.execute(
                "INSERT INTO faults (kind, scope, handle, seconds, times_left, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (kind, scope, handle, wait, times, stamp()),
            )
            fault_id = cursor.lastrowid
        assert fault_id is not None  # an INSERT always sets it
        return Fault(fault_id, kind, scope, handle, wait, times)

    def turn_off(self, fault_id: int | None = None) -> int:
        """Behave again in one respect, or (None) in all; how many faults that were."""
        with self.database.writing() as connection:
            if fault_id is None:
                return connection.execute("DELETE FROM faults").rowcount
            return connection.execute("DELETE FROM faults WHERE id = ?", (fault_id,)).rowcount

    def active(self) -> list[Fault]:
        with self.database.reading() as connection:
            return [_fault(row) for row in connection.execute("SELECT * FROM faults ORDER BY id")]

    def take(self, *, handle: str, posting: bool, reading: bool) -> Fault | None:
        """The fault that this request meets, counted; the one for this account goes first."""
        scopes = [FaultScope.EVERYTHING]
        if posting:
            scopes.append(FaultScope.POSTING)
        if reading:
            scopes.append(FaultScope.READING)
        with self.database.reading() as connection:
            if not connection.execute("SELECT 1 FROM faults LIMIT 1").fetchone():
                return None  # the usual case takes no write lock
        marks = ", ".join("?" * len(scopes))
        with self.database.writing() as connection:
            row = connection.execute(
                f"SELECT * FROM faults WHERE scope IN ({marks}) AND handle IN ('', ?)"  # noqa: S608 - marks only
                " ORDER BY handle = '', id LIMIT 1",
                (*scopes, handle),
            ).fetchone()
            if row is None:
                return None
            fault = _fault(row)
            if fault.times_left == 1:
                connection.execute("DELETE FROM faults WHERE id = ?", (fault.id,))
            elif fault.times_left is not None:
                connection.execute(
                    "UPDATE faults SET times_left = times_left - 1 WHERE id = ?", (fault.id,)
                )
        return fault


def _fault(row: sqlite3.Row) -> Fault:
    return Fault(
        row["id"],
        FaultKind(row["kind"]),
        FaultScope(row["scope"]),
        row["handle"],
        row["seconds"],
        row["times_left"],
    )

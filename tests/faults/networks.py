"""Five fake networks, told apart by what they offer somebody who tries again.

Each keeps a ledger of its own of what it took, and that ledger decides. What goes wrong with a
request is drawn from the seed, the text and how often that text has arrived, so that a run can be
repeated whatever the order in which workers come.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tests.platforms.server import Asked, FakeServer, Fault, Reply


class Kind(StrEnum):
    """What a network offers a retry."""

    KEYED = "keyed"  # an idempotency key: the same key gives the same post
    RECORDED = "recorded"  # the caller chooses the record's key: an identical record is a no-op
    UNREPEATING = "unrepeating"  # the same text is refused, and no more is said
    NAMING = "naming"  # the same text is refused, and the first post is named
    BARE = "bare"  # nothing at all


class Wrong(StrEnum):
    """What can go wrong with a request that publishes."""

    RESET = "accepted, then reset"
    CUT = "reset before it was accepted"
    HANG = "accepted, then no answer"
    LATE = "no answer, accepted later"
    ERROR = "500 after it was accepted"
    LIMIT = "429"
    LIMIT_DELAY = "429 with a delay"
    SLOW = "slow"
    TRUNCATED = "truncated JSON"


AMBIGUOUS = (Wrong.RESET, Wrong.CUT, Wrong.HANG, Wrong.LATE, Wrong.ERROR, Wrong.TRUNCATED)
TIMEOUT_S = 2
"""How long the workers of these tests wait for an answer."""
MOST_FAULTS = 2
"""Later arrivals of the same text go well, so that a run ends."""


@dataclass(frozen=True)
class Accepted:
    """A line of a ledger: a post that this network shows from `at` on."""

    at: float
    account: str
    text: str
    key: str
    remote_id: str


class FaultyNetwork(FakeServer):
    """One network. `chance`: of a fault, for each of the first arrivals of a text."""

    def __init__(self, kind: Kind, seed: int) -> None:
        self.kind = kind
        self.seed = seed
        self.chance = 0.0
        self.choice: tuple[Wrong, ...] = tuple(Wrong)
        self.accepted: list[Accepted] = []
        self.arrivals: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.tokens: dict[str, str] = {}  # token: account
        self.unreadable: set[str] = set()  # accounts whose posts cannot be read back
        super().__init__()

    # --- who may ------------------------------------------------------------------------------

    def open(self, account: str) -> str:
        """A new account; its token."""
        token = f"token-{secrets.token_hex(8)}"
        with self.lock:
            self.tokens[token] = account
        return token

    def revoke(self, token: str) -> None:
        with self.lock:
            del self.tokens[token]

    def restore(self, token: str, account: str) -> None:
        with self.lock:
            self.tokens[token] = account

    # --- what goes wrong ----------------------------------------------------------------------

    def draw(self, text: str, arrival: int) -> Wrong | None:
        """What goes wrong with the arrival of this number; the same for the same seed."""
        drawn = random.Random(f"{self.seed}/{self.kind}/{text}/{arrival}")
        if arrival > MOST_FAULTS or drawn.random() >= self.chance:
            return None
        return drawn.choice(self.choice)

    def answer(self, asked: Asked) -> tuple[Reply | None, Fault | None]:
        if asked.method == "GET":
            with self.lock:
                return self.route(asked), None
        try:
            text = asked.json()["text"]
        except ValueError:  # half a request: its sender was killed while it wrote
            return None, Fault(reset=True)
        with self.lock:
            self.arrivals[text] += 1
            wrong = self.draw(text, self.arrivals[text])
            if wrong is not None:
                self.injected[wrong] += 1
        if wrong is Wrong.CUT:
            return None, Fault(reset=True)
        if wrong is Wrong.LIMIT:
            return Reply(429, {"error": "SLOW_DOWN"}), None
        if wrong is Wrong.LIMIT_DELAY:
            return Reply(429, {"error": "SLOW_DOWN"}, headers={"Retry-After": "2"}), None
        if wrong is Wrong.LATE:
            self.closing.wait(TIMEOUT_S + 1.0)
        with self.lock:
            reply = self.route(asked)
        return _spoilt(reply, wrong)

    # --- what it does -------------------------------------------------------------------------

    def route(self, asked: Asked) -> Reply:
        account = self.tokens.get(asked.headers.get("authorization", "").removeprefix("Bearer "))
        if account is None:
            return Reply(401, {"error": "BAD_TOKEN"})
        _, thing, *rest = asked.path.split("/")
        if asked.method == "GET":
            return self._read(account, thing, rest)
        body = asked.json()
        if thing == "records":
            return self._keep(account, body["text"], rest[0])
        return self._post(account, body["text"], asked.headers.get("idempotency-key", ""))

    def _read(self, account: str, thing: str, rest: list[str]) -> Reply:
        if thing == "me":
            return Reply(data={"id": account})
        mine = [post for post in self.accepted if post.account == account]
        if thing == "posts" and not rest:
            if account in self.unreadable:
                return Reply(403, {"error": "NOT_FOR_YOU"})
            return Reply(data=[self._shown(post) for post in mine[-500:]])
        for post in mine:
            if rest == [post.key if thing == "records" else post.remote_id]:
                return Reply(data=self._shown(post))
        return Reply(404, {"error": "NOT_THERE"})

    def _keep(self, account: str, text: str, key: str) -> Reply:
        there = self._first(account, key=key)
        if there is not None and there.text != text:
            return Reply(409, {"error": "TAKEN"})
        return Reply(data=self._shown(there or self._take(account, text, key)))

    def _post(self, account: str, text: str, key: str) -> Reply:
        if self.kind is Kind.KEYED and (there := self._first(account, key=key)):
            return Reply(data=self._shown(there))
        if self.kind is Kind.UNREPEATING and self._first(account, text=text):
            return Reply(403, {"error": "DUPLICATE"})
        if self.kind is Kind.NAMING and (there := self._first(account, text=text)):
            return Reply(422, {"error": "DUPLICATE", "first": there.remote_id})
        return Reply(data=self._shown(self._take(account, text, key)))

    def _first(self, account: str, *, key: str = "", text: str = "") -> Accepted | None:
        for post in self.accepted:
            if post.account == account and (post.key == key if key else post.text == text):
                return post
        return None

    def _take(self, account: str, text: str, key: str) -> Accepted:
        post = Accepted(time.time(), account, text, key, f"{self.kind}-{len(self.accepted) + 1}")
        self.accepted.append(post)
        return post

    def _shown(self, post: Accepted) -> Mapping[str, Any]:
        at = datetime.fromtimestamp(post.at, UTC).isoformat()
        shown = {"id": post.remote_id, "text": post.text, "at": at}
        return shown | ({"key": post.key} if self.kind is Kind.KEYED else {})


def _spoilt(reply: Reply, wrong: Wrong | None) -> tuple[Reply, Fault | None]:
    """The answer to what was done, as this fault leaves it."""
    if wrong is Wrong.RESET:
        return reply, Fault(reset=True)
    if wrong is Wrong.HANG:
        return reply, Fault(hang_s=TIMEOUT_S + 1.0)
    if wrong is Wrong.SLOW:
        return reply, Fault(hang_s=TIMEOUT_S * 0.6)
    if wrong is Wrong.ERROR:
        return Reply(500, {"error": "OUT_OF_ORDER"}), None
    if wrong is Wrong.TRUNCATED:
        return Reply(reply.status, body=reply.bytes()[: len(reply.bytes()) // 2]), None
    return reply, None

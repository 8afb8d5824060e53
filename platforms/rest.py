"""A small client for networks that have no library worth keeping: JSON over HTTP, under the guard.

Nothing is tried again here; that is the engine's, which knows what may be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

import requests

from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    PlatformError,
    Remember,
)
from platforms.failures import Asker, Malformed
from platforms.guard import Answer, GuardedSession
from platforms.hosts import api_base, own_host
from platforms.keeping import Keeper

T = TypeVar("T")
Row = Mapping[str, Any]

_EARLY_S = 5 * 86_400.0  # these tokens live for 60 days


class RestClient:
    """Asks one network's API as one account. Failures are PlatformErrors."""

    def __init__(
        self,
        key: str,
        who: str,
        connection: Connection,
        network: NetworkPolicy,
        remember: Remember,
        *,
        headers: Mapping[str, str] | None = None,
        lost: Callable[[Answer], bool] = lambda _answer: False,
        sort: Callable[[Answer, bool], PlatformError | None] = lambda _answer, _writes: None,
    ) -> None:
        self.base = api_base(key, connection.base_url or own_host(key))
        self._keeper = Keeper(key, connection, network, remember)
        self._headers = dict(headers or {})
        self._wire = GuardedSession(network)
        self._asker = Asker(who, self._wire, secrets=self._keeper.secrets, lost=lost, sort=sort)

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    def lapses_at(self) -> datetime | None:
        """When the credentials end; None where they are renewed or nobody said."""
        return self._keeper.lapses_at()

    def ask(
        self,
        method: str,
        path: str,
        pick: Callable[[requests.Response], T],
        *,
        writes: bool = False,
        **what: Any,
    ) -> T:
        """What `pick` makes of the answer. `path` begins with '/', or is a whole address."""
        self._check()
        whole = path if "://" in path else f"{self.base}{path}"
        told = {**self._headers, **what.pop("headers", {})}
        is_theirs = self._is_theirs(whole)

        def asked() -> T:
            bearer = f"Bearer {self._keeper.tokens.access_token}"
            headers = {**told, **({"Authorization": bearer} if is_theirs else {})}
            answer = self._wire.request(method, whole, headers=headers, **what)
            if answer.status_code >= 400:
                raise Malformed(f"status {answer.status_code}")
            return pick(answer)

        return self._keeper.let_in(
            lambda: self._asker.ask(asked, writes=writes),
            lambda: is_theirs and self._is_turned_away(),
        )

    def _is_turned_away(self) -> bool:
        """Was the newest request not let in? Threads says so by either of these."""
        return self._wire.last is not None and self._wire.last.status in (400, 401)

    def get(self, path: str, pick: Callable[[Row], T], **query: str | int) -> T:
        return self.ask("GET", path, lambda answer: pick(row_of(answer)), params=query)

    def _check(self) -> None:
        if not re.fullmatch(r"[\x21-\x7e]+", self._keeper.tokens.access_token):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")
        self._keeper.freshen(_EARLY_S)

    def _is_theirs(self, whole: str) -> bool:
        """Does the token belong there? An address in an answer may lead anywhere."""
        if whole.startswith(f"{self.base}/"):
            return True
        host = re.match(r"https://([\w.\-]+)(?::443)?/", whole)
        own = ".".join(self.base.rpartition("://")[2].split(".")[-2:])
        return bool(host) and bool(own) and f".{host[1]}".endswith(f".{own}")  # type: ignore[index]


def row_of(answer: requests.Response) -> Row:
    told = answer.json()
    if not isinstance(told, Mapping):
        raise Malformed("not an object")
    return told


def objects(value: object) -> Iterator[Row]:
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def part(value: object, name: str) -> Row:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}

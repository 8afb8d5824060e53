"""Asking a Bluesky server things as one account, under the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from atproto import Client

from platforms.bluesky_sessions import admission_of
from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    Remember,
)
from platforms.dpop import proof_refused
from platforms.failures import Asker, Malformed, reason_of
from platforms.guard import Answer, GuardedSession

T = TypeVar("T")

# Names of the errors by which a server says that a token or a password is no longer good; it
# sends the first three with status 400. https://atproto.com/specs/xrpc#authentication
_TOKEN_ERRORS = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "BadJwt"})
_LOST = _TOKEN_ERRORS | {"AccountTakedown", "AccountDeactivated", "AuthFactorTokenRequired"}


def _is_lost(answer: Answer) -> bool:
    return answer.status in (400, 403) and reason_of(answer, named=True)[0] in _LOST


class BlueskyClient:
    """An `atproto.Client` for one account, however it is let in (`platforms.bluesky_sessions`)."""

    def __init__(self, connection: Connection, network: NetworkPolicy, remember: Remember) -> None:
        self._wire = GuardedSession(network)
        self._asker = Asker(
            "Bluesky",
            self._wire,
            secrets=lambda: self._admission.secrets(),
            lost=_is_lost,
            named=True,
            sort=lambda answer, _writes: proof_refused("Bluesky", answer),
        )
        self._admission = admission_of(connection, network, remember, self._wire, self._asker)

    @property
    def did(self) -> str:
        return self._asker.cleared(self._admission.did)

    @property
    def handle(self) -> str:
        """As the server gave it when we signed in, or as the account is known here."""
        return self._asker.cleared(self._admission.handle)

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    def lapses_at(self) -> datetime | None:
        return self._admission.lapses_at()

    def ask(self, call: Callable[[Client], T], *, writes: bool = False) -> T:
        """The result of `call` with the client; let in anew, once, when the token is refused."""
        self._admission.open()
        try:
            self._admission.freshen()
            return self._asker.ask(lambda: call(self._admission.api), writes=writes)
        except AuthorisationLost as lost:
            if not self._admission.can_recover(lost):
                raise
        self._admission.recover()
        return self._asker.ask(lambda: call(self._admission.api), writes=writes)

    def query(self, nsid: str, params: Any, pick: Callable[[Mapping[str, Any]], T]) -> T:
        """What `pick` makes of the JSON that answers a query.

        Not of the library's models: those refuse a whole page for one field that somebody else's
        program wrote wrongly.
        """

        def call(client: Client) -> T:
            answer = client.invoke_query(nsid, params=params, output_encoding="application/json")
            return pick(_object(answer.content))

        return self.ask(call)


def _object(content: object) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        raise Malformed("not a JSON object")
    return content

"""Signing in to a Bluesky server and asking it things, under the guard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from atproto import Client, Request, Session, SessionEvent

from platforms.bluesky_records import is_did
from platforms.contract import Allowance, AuthorisationLost, Connection, NetworkPolicy, Remember
from platforms.failures import Asker, Malformed, reason_of
from platforms.guard import USER_AGENT, Answer, GuardedSession, GuardedTransport

T = TypeVar("T")

# Names of the errors by which a server says that a token or a password is no longer good; it
# sends the first three with status 400. https://atproto.com/specs/xrpc#authentication
_TOKEN_ERRORS = frozenset({"ExpiredToken", "InvalidToken", "AuthMissing", "BadJwt"})
_LOST = _TOKEN_ERRORS | {"AccountTakedown", "AccountDeactivated", "AuthFactorTokenRequired"}
# The library renews a token 15 minutes before its end, in the middle of whatever it was asked.
_RENEW_BEFORE = timedelta(minutes=16)


def _is_lost(answer: Answer) -> bool:
    return answer.status in (400, 403) and reason_of(answer, named=True)[0] in _LOST


class BlueskyClient:
    """A signed-in `atproto.Client` for one account. The session is kept by `remember`."""

    def __init__(self, connection: Connection, network: NetworkPolicy, remember: Remember) -> None:
        self._connection = connection
        self._remember = remember
        self._wire = GuardedSession(network)
        self._asker = Asker("Bluesky", self._wire, secrets=self._secrets, lost=_is_lost, named=True)
        self._client = self._new_client()
        self._session: Session | None = None

    def _new_client(self) -> Client:
        request = Request(transport=GuardedTransport(self._wire), trust_env=False)
        request.set_additional_headers({"User-Agent": USER_AGENT})
        client = Client(base_url=self._connection.base_url, request=request)
        client.on_session_change(self._on_session)
        return client

    def _secrets(self) -> list[str]:
        found = [self._connection.secret]
        if self._session is not None:
            found += [self._session.access_jwt, self._session.refresh_jwt]
        return [secret for secret in found if secret]

    def _on_session(self, event: SessionEvent, session: Session) -> None:
        self._session = session
        if event is not SessionEvent.IMPORT:
            self._remember(session.export())

    # --- who we are -------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The session in force; signs in when there is none."""
        if self._session is None:
            self._open()
        if self._session is None:  # pragma: no cover - _open sets it or raises
            raise AuthorisationLost("Bluesky gave no session.")
        return self._session

    @property
    def did(self) -> str:
        return self._asker.cleared(str(self.session.did))

    @property
    def handle(self) -> str:
        """As the server gave it when we signed in."""
        return self._asker.cleared(str(self.session.handle))

    def _open(self) -> None:
        kept = self._kept_session()
        if kept is None:
            self._sign_in()
        else:
            self._client.login(session_string=kept, fetch_bsky_profile=False)

    def _kept_session(self) -> str | None:
        """The kept session, when it can be read and is this account's."""
        try:
            kept = Session.decode(self._connection.session)
            readable = kept.access_jwt_payload.exp is not None
        except Exception:  # noqa: BLE001 - anything unreadable means: sign in anew
            return None
        if not readable:
            return None
        remote_id = self._connection.remote_id
        return self._connection.session if not remote_id or kept.did == remote_id else None

    def _sign_in(self) -> None:
        connection = self._connection
        secret = connection.secret.strip()
        who = connection.remote_id or connection.handle.strip().lstrip("@").lower()
        if not secret or not who:
            raise AuthorisationLost("There is no app password for this account.")
        self._session = None
        self._client = self._new_client()
        self._asker.ask(lambda: self._login(who, secret))
        if connection.remote_id and self.did != connection.remote_id:
            self._session = None
            raise AuthorisationLost("These credentials belong to another Bluesky account.")

    def _login(self, who: str, secret: str) -> None:
        self._client.login(who, secret, fetch_bsky_profile=False)
        if self._session is None:
            raise Malformed("no session")
        if not is_did(self._session.did) or _ends_soon(self._session):
            raise Malformed("a session that cannot be used")

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    # --- asking -------------------------------------------------------------------------------

    def ask(self, call: Callable[[Client], T], *, writes: bool = False) -> T:
        """The result of `call` with the client; signs in anew, once, when the token is refused."""
        fresh = self._session is None and self._kept_session() is None
        session = self.session
        try:
            if _ends_soon(session):
                # Renew by a read, so that a renewal without an answer is not taken for a write
                # without one.
                self._asker.ask(lambda: self._client.com.atproto.server.get_session())
            return self._asker.ask(lambda: call(self._client), writes=writes)
        except AuthorisationLost as lost:
            if fresh or lost.code == "AccountTakedown":
                raise
        self._sign_in()
        return self._asker.ask(lambda: call(self._client), writes=writes)

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


def _ends_soon(session: Session) -> bool:
    """Is the access token at its end, or one that the library cannot read?"""
    try:
        expires = session.access_jwt_payload.exp
        return (
            not expires or datetime.fromtimestamp(expires, UTC) < datetime.now(UTC) + _RENEW_BEFORE
        )
    except Exception:  # noqa: BLE001 - a token is whatever the server sent
        return True

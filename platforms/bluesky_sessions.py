"""The two ways to be let in at a Bluesky server: by app password, and by having signed in there."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx
from atproto import Client, Request, Session, SessionEvent

from platforms.bluesky_records import is_did
from platforms.contract import AuthorisationLost, Connection, NetworkPolicy, Remember
from platforms.dpop import Prover, ProvingTransport
from platforms.failures import Asker, Malformed
from platforms.guard import USER_AGENT, GuardedSession, GuardedTransport
from platforms.keeping import Keeper, told_in
from platforms.tokens import Bound, load

_EARLY_S = 60.0  # a token is renewed so long before its end
# The library renews a token 15 minutes before its end, in the middle of whatever it was asked.
_RENEW_BEFORE = timedelta(minutes=16)


class Admission(Protocol):
    """How one account is let in. All but `secrets` and `lapses_at` raises PlatformError."""

    @property
    def api(self) -> Client:
        """The library's client; to be asked for anew each time."""

    @property
    def did(self) -> str: ...

    @property
    def handle(self) -> str: ...

    def secrets(self) -> list[str]: ...

    def lapses_at(self) -> datetime | None: ...

    def open(self) -> None:
        """Be let in, if that was not done yet."""

    def freshen(self) -> None:
        """Renew what is about to end."""

    def can_recover(self, lost: AuthorisationLost) -> bool:
        """May it be tried once more after a request was not let in?"""

    def recover(self) -> None:
        """Be let in anew."""


def admission_of(
    connection: Connection,
    network: NetworkPolicy,
    remember: Remember,
    wire: GuardedSession,
    asker: Asker,
) -> Admission:
    """The way that goes with what the account was connected by."""
    if told_in(connection.secret).get("access_token"):
        return BySigningIn(connection, network, remember, wire)
    return ByPassword(connection, remember, wire, asker)


def _client(base_url: str, transport: httpx.BaseTransport) -> Client:
    request = Request(transport=transport, trust_env=False)
    request.set_additional_headers({"User-Agent": USER_AGENT})
    return Client(base_url=base_url, request=request)


class ByPassword:
    """By an app password, for a session that the library renews. It is kept by `remember`."""

    def __init__(
        self, connection: Connection, remember: Remember, wire: GuardedSession, asker: Asker
    ) -> None:
        self._connection = connection
        self._remember = remember
        self._wire = wire
        self._asker = asker
        self.api = self._new_client()
        self._session: Session | None = None
        self._is_new = False  # made by the password, since `open` was last called

    def _new_client(self) -> Client:
        client = _client(self._connection.base_url, GuardedTransport(self._wire))
        client.on_session_change(self._on_session)
        return client

    def secrets(self) -> list[str]:
        found = [self._connection.secret]
        if self._session is not None:
            found += [self._session.access_jwt, self._session.refresh_jwt]
        return [secret for secret in found if secret]

    def lapses_at(self) -> datetime | None:
        return None

    def _on_session(self, event: SessionEvent, session: Session) -> None:
        self._session = session
        if event is not SessionEvent.IMPORT:
            self._remember(session.export())

    @property
    def session(self) -> Session:
        """The session in force; signs in when there is none."""
        if self._session is None:
            self.open()
        if self._session is None:  # pragma: no cover - open sets it or raises
            raise AuthorisationLost("Bluesky gave no session.")
        return self._session

    @property
    def did(self) -> str:
        return str(self.session.did)

    @property
    def handle(self) -> str:
        """As the server gave it when we signed in."""
        return str(self.session.handle)

    def open(self) -> None:
        self._is_new = False
        if self._session is not None:
            return
        kept = self._kept_session()
        if kept is None:
            self.recover()
        else:
            self.api.login(session_string=kept, fetch_bsky_profile=False)

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

    def freshen(self) -> None:
        if _ends_soon(self.session):
            # Renew by a read, so that a renewal without an answer is not taken for a write
            # without one.
            self._asker.ask(lambda: self.api.com.atproto.server.get_session())

    def can_recover(self, lost: AuthorisationLost) -> bool:
        return not self._is_new and lost.code != "AccountTakedown"

    def recover(self) -> None:
        connection = self._connection
        secret = connection.secret.strip()
        who = connection.remote_id or connection.handle.strip().lstrip("@").lower()
        if not secret or not who:
            raise AuthorisationLost("There is no app password for this account.")
        self._session = None
        self.api = self._new_client()
        self._asker.ask(lambda: self._login(who, secret))
        self._is_new = True
        if connection.remote_id and self.did != connection.remote_id:
            self._session = None
            raise AuthorisationLost("These credentials belong to another Bluesky account.")

    def _login(self, who: str, secret: str) -> None:
        self.api.login(who, secret, fetch_bsky_profile=False)
        if self._session is None:
            raise Malformed("no session")
        if not is_did(self._session.did) or _ends_soon(self._session):
            raise Malformed("a session that cannot be used")


def _ends_soon(session: Session) -> bool:
    """Is the access token at its end, or one that the library cannot read?"""
    try:
        expires = session.access_jwt_payload.exp
        return (
            not expires or datetime.fromtimestamp(expires, UTC) < datetime.now(UTC) + _RENEW_BEFORE
        )
    except Exception:  # noqa: BLE001 - a token is whatever the server sent
        return True


class BySigningIn:
    """By tokens that are bound to a key of ours, each request with its proof (OAuth, DPoP)."""

    def __init__(
        self,
        connection: Connection,
        network: NetworkPolicy,
        remember: Remember,
        wire: GuardedSession,
    ) -> None:
        self._connection = connection
        self._wire = wire
        self._keeper = Keeper("bluesky", connection, network, remember)
        # The key stays the same through every renewal, and so does the server.
        self._bound = load(connection.secret).bound
        self._made: tuple[Client, ProvingTransport] | None = None

    def secrets(self) -> list[str]:
        return self._keeper.secrets()

    def lapses_at(self) -> datetime | None:
        return self._keeper.lapses_at()

    @property
    def bound(self) -> Bound:
        """Raises AuthorisationLost."""
        bound, token = self._bound, self._keeper.tokens.access_token
        if bound is None or not re.fullmatch(r"[\x21-\x7e]+", token):
            raise AuthorisationLost("These credentials are not whole. Reconnect the account.")
        if self._connection.remote_id and bound.subject != self._connection.remote_id:
            raise AuthorisationLost("These credentials belong to another Bluesky account.")
        return bound

    @property
    def did(self) -> str:
        return self.bound.subject

    @property
    def handle(self) -> str:
        return self._connection.handle or self.did

    @property
    def api(self) -> Client:
        if self._made is None:
            bound = self.bound
            transport = ProvingTransport(self._wire, Prover(bound.key))
            self._made = _client(bound.server, transport), transport
        client, transport = self._made
        transport.token = self._keeper.tokens.access_token
        return client

    def open(self) -> None:
        """Nothing to do but to see that it is whole; it was signed in once, in the browser."""
        _ = self.bound

    def freshen(self) -> None:
        self._wire.forget()  # what it said before is no reason to try anything again
        self._keeper.freshen(_EARLY_S)

    def can_recover(self, lost: AuthorisationLost) -> bool:
        answer = self._wire.last
        refused = answer is not None and answer.status == 401
        return refused and self._keeper.is_renewable and lost.code != "AccountTakedown"

    def recover(self) -> None:
        self._keeper.renew(refused=True)

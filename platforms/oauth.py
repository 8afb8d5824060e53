"""Letting Socialdesk act for an account in the browser: OAuth 2 as each platform declares it.

Plain functions over `PlatformInfo.oauth`: where to send a person, and what to make of the code that
comes back. They keep nothing; whoever calls them keeps the state and the verifier until the person
is back. Failures are PlatformErrors, and no secret is in one.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode, urlsplit

from platforms.contract import (
    Adapter,
    AppCredentials,
    AuthorisationLost,
    Connection,
    Identity,
    NetworkPolicy,
    Offered,
    Offers,
    PlatformError,
    Refused,
)
from platforms.declared import LongLived, OAuth
from platforms.failures import Asker, Malformed, text_of
from platforms.guard import Answer, GuardedSession
from platforms.hosts import api_base, own_host
from platforms.registry import open_adapter, platform_info
from platforms.signing_in import Begun, own_way
from platforms.tokens import Tokens as Tokens
from platforms.tokens import load as load
from platforms.turns import nobodys_turn

_LOST = (b"invalid_grant", b"invalid_token", b"invalid_request", b"OAuthException", b"revoked")


def verifier() -> str:
    """A fresh secret for one sign-in (RFC 7636); kept here until the person is back."""
    return secrets.token_urlsafe(48)


def challenge(of: str) -> str:
    return urlsafe_b64encode(sha256(of.encode()).digest()).rstrip(b"=").decode()


def declared(key: str) -> OAuth:
    """How `key` is connected in the browser; raises Refused where it is not."""
    found = platform_info(key).oauth
    if found is None:
        raise Refused("This platform is connected by what it gives to paste.", code="no_oauth")
    return found


def app_platform(key: str) -> str:
    """The platform whose app accounts of `key` are connected by: mostly itself."""
    found = platform_info(key).oauth
    return (found and found.app_of) or key


def begin(
    key: str,
    app: AppCredentials,
    *,
    redirect_uri: str,
    state: str,
    network: NetworkPolicy,
    base_url: str = "",
    who: str = "",
) -> Begun:
    """Where a person is sent to agree; asks the network where the platform wants to know before.

    `who` or what server it is about, where a platform finds the server by it. Raises PlatformError.
    """
    way = own_way(key, app, network)
    if way is not None:
        return way.begin(redirect_uri=redirect_uri, state=state, who=who)
    kept = verifier()
    address = authorise_url(
        key, app, redirect_uri=redirect_uri, state=state, verifier=kept, base_url=base_url
    )
    return Begun(address, kept)


def authorise_url(
    key: str,
    app: AppCredentials,
    *,
    redirect_uri: str,
    state: str,
    verifier: str = "",
    base_url: str = "",
) -> str:
    """Where a person is sent to agree. `state` comes back with the code and has to be the same."""
    oauth = declared(key)
    query = {
        "response_type": "code",
        "client_id": app.client_id,
        "redirect_uri": redirect_uri,
        "scope": oauth.separator.join(oauth.scopes),
        "state": state,
    }
    if oauth.pkce:
        if not verifier:
            raise ValueError(f"{key} wants a verifier")
        query |= {"code_challenge": challenge(verifier), "code_challenge_method": "S256"}
    return f"{address_of(key, base_url, oauth.authorise_url)}?{urlencode(query)}"


def address_of(key: str, base_url: str, path: str) -> str:
    """The whole of a declared address, for an account at `base_url`.

    What is not on the API server is asked of another server with the rest, if there is another;
    a person is always sent where the platform says.
    """
    base = api_base(key, base_url or own_host(key))
    if path.startswith("/"):
        return f"{base}{path}"
    asked = path != declared(key).authorise_url and base != own_host(key)
    return f"{base}{urlsplit(path).path}" if asked else path


def exchange(
    key: str,
    app: AppCredentials,
    *,
    code: str,
    redirect_uri: str,
    network: NetworkPolicy,
    verifier: str = "",
    state: str = "",
    issuer: str = "",
    base_url: str = "",
) -> Tokens:
    """The tokens for the code that came back; long-lived ones where there are such.

    `state` is what came with it: the platform knows it, and it is not sent again. `verifier` is
    what `begin` said to keep.
    """
    way = own_way(key, app, network)
    if way is not None:
        return way.exchange(
            code=code, redirect_uri=redirect_uri, begun=verifier, state=state, issuer=issuer
        )
    oauth = declared(key)
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
    if oauth.pkce:
        form["code_verifier"] = verifier
    client = _Client(key, app, network, base_url, [code, verifier, state])
    tokens = client.token(oauth, form)
    if oauth.long_lived is not None:
        longer = client.long_lived(oauth.long_lived, tokens.access_token)
        tokens = replace(longer, scopes=tokens.scopes)
    if oauth.granted_path and not tokens.scopes:
        tokens = replace(tokens, scopes=client.granted(oauth.granted_path, tokens.access_token))
    return tokens


def refresh(
    key: str,
    app: AppCredentials | None,
    tokens: Tokens,
    *,
    network: NetworkPolicy,
    base_url: str = "",
) -> Tokens:
    """Fresh tokens. Raises AuthorisationLost when the platform will not renew these.

    A refresh token that did not come with the answer is the one we had. One may be good only once
    (RFC 9700, 4.14.2): raises OutcomeUnknown when the platform may have renewed unheard.
    """
    oauth = declared(key)
    client = _Client(key, app, network, base_url, [tokens.access_token, tokens.refresh_token])
    way = own_way(key, app, network)
    if way is not None and tokens.refresh_token:
        fresh = way.refresh(tokens)
    elif oauth.refresh == "refresh_token" and tokens.refresh_token:
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        fresh = client.token(oauth, form, writes=True)
    elif oauth.refresh == "long_lived" and (oauth.renewal or oauth.long_lived):
        fresh = client.long_lived(oauth.renewal or oauth.long_lived, tokens.access_token)  # type: ignore[arg-type]  # one of them is there
    else:
        raise AuthorisationLost("These credentials cannot be renewed. Reconnect the account.")
    return Tokens(
        fresh.access_token,
        fresh.refresh_token or tokens.refresh_token,
        fresh.expires_at,
        fresh.scopes or tokens.scopes,
        fresh.bound,
    )


def revoke(
    key: str,
    app: AppCredentials | None,
    tokens: Tokens,
    *,
    network: NetworkPolicy,
    base_url: str = "",
) -> bool:
    """Give the tokens back; False where the platform has no such request. Doing it again is fine.

    AuthorisationLost says that somebody was not let in: the app, or the token by which it is asked,
    which is no proof that the token is gone.
    """
    oauth = declared(key)
    if not oauth.revokes:
        return False
    way = own_way(key, app, network)
    if way is not None:
        way.revoke(tokens)
        return True
    client = _Client(key, app, network, base_url, [tokens.access_token, tokens.refresh_token])
    client.revoke(oauth, tokens)
    return True


def identity(
    key: str,
    tokens: Tokens,
    *,
    network: NetworkPolicy,
    base_url: str = "",
    app: AppCredentials | None = None,
) -> Identity:
    """Who the tokens belong to."""
    return _looked_at(key, tokens, network, base_url, app).verify()


def offered(
    key: str,
    tokens: Tokens,
    *,
    network: NetworkPolicy,
    base_url: str = "",
    app: AppCredentials | None = None,
) -> list[Offered]:
    """The accounts that these tokens can be connected as; one is chosen of them."""
    adapter = _looked_at(key, tokens, network, base_url, app)
    if isinstance(adapter, Offers):
        return [_with_scopes(found, tokens.scopes) for found in adapter.offered()]
    issuer = tokens.bound.issuer if tokens.bound else ""
    return [Offered(key, adapter.verify(), tokens.dump(), issuer)]


def _looked_at(
    key: str, tokens: Tokens, network: NetworkPolicy, base_url: str, app: AppCredentials | None
) -> Adapter:
    """Speaks by tokens that nobody has stored: renewed ones would be lost with it."""
    connection = Connection(
        "", base_url or own_host(key), tokens.dump(), app=app, turns=nobodys_turn
    )
    return open_adapter(key, connection, network=network, remember=lambda _session: None)


def _with_scopes(found: Offered, scopes: tuple[str, ...]) -> Offered:
    """A token of its own, as a Page's, was granted what the person's was."""
    theirs = load(found.secret)
    if theirs.scopes or not scopes:
        return found
    return replace(found, secret=replace(theirs, scopes=scopes).dump())


class _Client:
    """Asks one platform's token server as one app."""

    def __init__(
        self,
        key: str,
        app: AppCredentials | None,
        network: NetworkPolicy,
        base_url: str,
        hidden: list[str],
    ) -> None:
        self._app = app
        self._key, self._base_url = key, base_url
        self._wire = GuardedSession(network)
        self._known = [*hidden, app.client_secret if app else ""]
        self._asker = Asker(
            platform_info(key).label, self._wire, secrets=lambda: self._known, lost=_is_lost
        )

    def token(self, oauth: OAuth, form: Mapping[str, str], *, writes: bool = False) -> Tokens:
        def call() -> Tokens:
            return self._tokens(self._post(oauth, oauth.token_path, form))

        return self._asker.ask(call, writes=writes)

    def _post(self, oauth: OAuth, path: str, form: Mapping[str, str]) -> Any:
        app = self._app
        if app is None:
            raise AuthorisationLost("The app of this platform is not set up any more.")
        asked = dict(form)
        basic = None
        if oauth.client_by_basic and app.client_secret:
            basic = (app.client_id, app.client_secret)
        else:
            asked["client_id"] = app.client_id
            if app.client_secret:
                asked["client_secret"] = app.client_secret
        answer = self._wire.post(self._at(path), data=asked, auth=basic)
        answer.raise_for_status()
        return answer.json() if answer.content.strip() else {}

    def long_lived(self, how: LongLived, token: str) -> Tokens:
        self._known.append(token)
        query = {"grant_type": how.grant_type, how.token_field: token}
        if how.with_client and self._app is not None:
            query |= {"client_id": self._app.client_id, "client_secret": self._app.client_secret}

        def call() -> Tokens:
            answer = self._wire.get(self._at(how.path), params=query)
            answer.raise_for_status()
            return self._tokens(answer.json())

        return self._asker.ask(call)

    def granted(self, path: str, token: str) -> tuple[str, ...]:
        """What was granted; () where the platform does not tell, which is no reason to fail."""
        self._known.append(token)
        bearer = {"Authorization": f"Bearer {token}"}

        def call() -> tuple[str, ...]:
            answer = self._wire.get(self._at(path), headers=bearer)
            answer.raise_for_status()
            rows = [row for row in answer.json()["data"] if row.get("status") == "granted"]
            return tuple(text_of(row.get("permission")) for row in rows)

        try:
            return self._asker.ask(call)
        except PlatformError:
            return ()

    def revoke(self, oauth: OAuth, tokens: Tokens) -> None:
        def by_form() -> None:
            # Each by itself: not everywhere does the one end with the other (RFC 7009, 2.1).
            for token in filter(None, (tokens.access_token, tokens.refresh_token)):
                self._post(oauth, oauth.revoke_path, {"token": token})

        def by_delete() -> None:
            bearer = {"Authorization": f"Bearer {tokens.access_token}"}
            answer = self._wire.delete(self._at(oauth.revoke_path), headers=bearer)
            answer.raise_for_status()

        ways: dict[str, Callable[[], None]] = {"POST": by_form, "DELETE": by_delete}
        self._asker.ask(ways[oauth.revoke_method], writes=True)

    def _at(self, path: str) -> str:
        return address_of(self._key, self._base_url, path)

    def _tokens(self, told: object) -> Tokens:
        if not isinstance(told, dict):
            raise Malformed("no tokens")
        seconds = told.get("expires_in")
        at = None
        if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 10**9:
            at = datetime.now(UTC) + timedelta(seconds=seconds)
        scope = told.get("scope")
        return Tokens(
            access_token=text_of(told.get("access_token")),
            refresh_token=str(told.get("refresh_token") or ""),
            expires_at=at,
            scopes=tuple(scope.replace(",", " ").split()) if isinstance(scope, str) else (),
        )


def _is_lost(answer: Answer) -> bool:
    return answer.status == 400 and any(word in answer.body[:2_000] for word in _LOST)

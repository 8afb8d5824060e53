"""Signing in at Bluesky, and at any server of the AT Protocol: its profile of OAuth.

https://atproto.com/specs/oauth. Nothing is registered anywhere: servers read about this desk at an
address of its own (`document`), which is its client id, and it proves itself by a key named there.
What is asked is pushed ahead (RFC 9126), the tokens are bound to a key of each account (RFC 9449),
and whose they are is believed only when the account's own server names who gave them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from platforms import dpop
from platforms.bluesky_identity import Directory, Issuer
from platforms.bluesky_records import is_did
from platforms.contract import (
    AppCredentials,
    AuthorisationLost,
    NetworkPolicy,
    PlatformError,
    Refused,
    RetryLater,
)
from platforms.declared import OAuth, Proof
from platforms.failures import Asker, Malformed, text_of
from platforms.guard import Answer, GuardedSession
from platforms.oauth import challenge, verifier
from platforms.signing_in import Begun
from platforms.tokens import Bound, Tokens

T = TypeVar("T")

OAUTH = OAuth(
    authorise_url="",
    token_path="",
    scopes=("atproto", "transition:generic"),
    app_help=(
        "Nothing: each server reads about this desk at the desk's own address, so that has to be "
        "one on the public internet that begins with https://."
    ),
    pkce=True,
    refresh="refresh_token",
    uses={
        "atproto": "Nothing can be asked at all.",
        "transition:generic": "Nothing can be posted, and nothing comes in.",
    },
    # Two years for a client that proves itself, in the reference server (oauth-provider 0.x). A
    # refresh token that nobody uses ends after three months.
    agreed_for=timedelta(days=730),
    proof=Proof.PUSHED,
    by_document=True,
)
_BY_JWT = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LOOPBACK = ("127.0.0.1", "::1")
_CLIENT_ERRORS = ("invalid_client", "invalid_client_metadata", "unauthorized_client")


@dataclass(frozen=True, slots=True)
class _Way:
    """What has to be known when the person is back. `did`: who it has to be, '' when not said."""

    issuer: str
    did: str
    key: str = field(repr=False)
    verifier: str = field(repr=False)


class BlueskySignIn:
    """See `platforms.signing_in.SignIn`."""

    def __init__(self, app: AppCredentials | None, network: NetworkPolicy) -> None:
        if app is None:
            raise AuthorisationLost("Servers know this desk no more. Reconnect the account.")
        self._app = app
        self._wire = GuardedSession(network)
        self._known = [app.client_secret]
        self._directory = Directory(network, self._secrets)
        self._asker = Asker("Bluesky", self._wire, secrets=self._secrets, sort=_sorted)

    def _secrets(self) -> list[str]:
        return [one for one in self._known if one]

    # --- who we are ---------------------------------------------------------------------------

    @staticmethod
    def client_of(document: str, redirect_uri: str) -> AppCredentials:
        """On the machine itself it is the protocol's own client for development, which proves
        nothing and has to be agreed to anew every two weeks.
        """
        parts = urlsplit(document)
        if parts.scheme == "http" and parts.hostname in _LOOPBACK:
            query = urlencode({"redirect_uri": redirect_uri, "scope": " ".join(OAUTH.scopes)})
            return AppCredentials(f"http://localhost?{query}")
        if parts.scheme != "https":
            raise Refused(
                "Bluesky's servers have to be able to read about this desk at its address, "
                "SOCIALDESK_BASE_URL, so that has to begin with https://. On one machine alone, "
                "http://127.0.0.1 does.",
                code="no_document",
            )
        return AppCredentials(document, dpop.new_key())

    @staticmethod
    def document(
        app: AppCredentials, *, name: str, website: str, redirect_uri: str
    ) -> dict[str, Any]:
        jwk = dpop.public_jwk(app.client_secret)
        jwk |= {"alg": "ES256", "kid": dpop.key_id(app.client_secret), "use": "sig"}
        return {
            "client_id": app.client_id,
            "client_name": name,
            "client_uri": website,
            "application_type": "web",
            "redirect_uris": [redirect_uri],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "scope": " ".join(OAUTH.scopes),
            "dpop_bound_access_tokens": True,
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks": {"keys": [jwk]},
        }

    # --- there and back -------------------------------------------------------------------------

    def begin(self, *, redirect_uri: str, state: str, who: str) -> Begun:
        """Push what is asked for, to whoever lets people sign in where `who` lives.

        `who`: a handle, a DID, or a server's address with its https://.
        """
        who = who.strip().removeprefix("@")
        did = ""
        if "://" in who:
            issuer = self._directory.issuer_for(self._directory.server(who))
        else:
            home = self._directory.home_of(who if is_did(who) else who.lower())
            issuer, did = self._directory.issuer_for(home.server), home.did
        way = _Way(issuer.address, did, dpop.new_key(), verifier())
        self._known += [state, way.key, way.verifier]
        form = {
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(OAUTH.scopes),
            "state": state,
            "code_challenge": challenge(way.verifier),
            "code_challenge_method": "S256",
        }
        if did:
            form["login_hint"] = who if is_did(who) else who.lower()

        def pick(told: Mapping[str, Any]) -> str:
            return text_of(told.get("request_uri"))

        uri = self._post(issuer, issuer.pushed, form, way.key, pick)
        query = urlencode({"client_id": self._app.client_id, "request_uri": uri})
        return Begun(f"{issuer.authorise}?{query}", json.dumps(asdict(way)))

    def exchange(
        self, *, code: str, redirect_uri: str, begun: str, state: str, issuer: str
    ) -> Tokens:
        """The tokens for a code, when they are whose they have to be. Raises Refused otherwise."""
        way = _Way(**json.loads(begun))
        self._known += [code, state, way.key, way.verifier]
        if issuer != way.issuer:  # RFC 9207: a code is shown to nobody but who gave it
            raise Refused("The answer came from another server than was asked.", code="issuer")
        there = self._directory.issuer(way.issuer)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": way.verifier,
        }

        def pick(told: Mapping[str, Any]) -> Tokens:
            bound = Bound(way.issuer, "", _subject(told), way.key)
            return _tokens(told, bound)

        tokens = self._post(there, there.token, form, way.key, pick)
        self._known += tokens.secrets()
        try:
            return self._at_home(tokens, way.did)
        except PlatformError:
            self._give_back(tokens)
            raise

    def _at_home(self, tokens: Tokens, did: str) -> Tokens:
        """The same with the server they are for; Refused when they are somebody else's."""
        bound = tokens.bound
        assert bound is not None
        if did and bound.subject != did:
            raise Refused("You agreed there as another account than was named.", code="subject")
        home = self._directory.home_of(bound.subject)
        if self._directory.issuer_for(home.server).address != bound.issuer:
            raise Refused("That account lets people sign in elsewhere.", code="issuer")
        return replace(tokens, bound=replace(bound, server=home.server))

    def _give_back(self, tokens: Tokens) -> None:
        try:
            self.revoke(tokens)
        except PlatformError:
            return  # they are forgotten here in any case

    def refresh(self, tokens: Tokens) -> Tokens:
        """Raises AuthorisationLost when they are renewed no more, OutcomeUnknown as `oauth`."""
        bound = _bound(tokens)
        self._known += tokens.secrets()
        there = self._directory.issuer(bound.issuer)
        form = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}

        def pick(told: Mapping[str, Any]) -> Tokens:
            if _subject(told) != bound.subject:
                raise AuthorisationLost("The renewed credentials are another account's.")
            return _tokens(told, bound)

        return self._post(there, there.token, form, bound.key, pick, writes=True)

    def revoke(self, tokens: Tokens) -> None:
        """End the whole sign-in; either token stands for it. Doing it again is fine."""
        bound = _bound(tokens)
        self._known += tokens.secrets()
        there = self._directory.issuer(bound.issuer)
        form = {"token": tokens.refresh_token or tokens.access_token}
        self._post(there, there.revoke, form, bound.key, bool, writes=True)

    # --- asking -----------------------------------------------------------------------------------

    def _post(
        self,
        issuer: Issuer,
        address: str,
        form: Mapping[str, str],
        key: str,
        pick: Callable[[Mapping[str, Any]], T],
        *,
        writes: bool = False,
    ) -> T:
        asked = {**form, "client_id": self._app.client_id}
        if self._app.client_secret:
            asked["client_assertion_type"] = _BY_JWT
            asked["client_assertion"] = dpop.assertion(
                self._app.client_secret, self._app.client_id, issuer.address
            )

        def call() -> T:
            answer = dpop.post(self._wire, dpop.Prover(key), address, asked)
            answer.raise_for_status()
            told = answer.json() if answer.content.strip() else {}
            if not isinstance(told, dict):
                raise Malformed("not a JSON object")
            return pick(told)

        return self._asker.ask(call, writes=writes)


def _sorted(answer: Answer, _writes: bool) -> PlatformError | None:
    """What a token server's own codes say more than the status (RFC 6749 5.2, RFC 9449 5)."""
    refused = dpop.proof_refused("Bluesky", answer)
    if refused is not None:
        return refused
    error = dpop.error_in(answer.body)
    if answer.status not in (400, 401, 403):
        return None
    if error in _CLIENT_ERRORS:
        # Nothing is lost by it: it may be that the desk's own address could not be read just now.
        return RetryLater(
            "Bluesky does not know this desk: it has to be able to read about it at the desk's "
            "own address.",
            code=error,
        )
    if error == "invalid_grant":
        return AuthorisationLost(
            "Bluesky ended this sign-in, or did not take the answer of it.", code=error
        )
    return None


def _bound(tokens: Tokens) -> Bound:
    if tokens.bound is None:
        raise AuthorisationLost("These credentials are not whole. Reconnect the account.")
    return tokens.bound


def _subject(told: Mapping[str, Any]) -> str:
    if not is_did(told.get("sub")):
        raise Malformed("nobody's tokens")
    return str(told["sub"])


def _tokens(told: Mapping[str, Any], bound: Bound) -> Tokens:
    """Of an answer of the token endpoint; raises Malformed when it is not of this profile."""
    scope, seconds = told.get("scope"), told.get("expires_in")
    scopes = scope.split() if isinstance(scope, str) else []
    if str(told.get("token_type")).lower() != "dpop" or "atproto" not in scopes:
        raise Malformed("tokens that are not bound, or for something else")
    at = None
    if isinstance(seconds, int) and not isinstance(seconds, bool) and 0 < seconds < 10**9:
        at = datetime.now(UTC) + timedelta(seconds=seconds)
    access, refresh = text_of(told.get("access_token")), told.get("refresh_token")
    return Tokens(access, str(refresh or ""), at, tuple(scopes), bound)

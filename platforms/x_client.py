"""Asking X things as one account, under the guard, through tweepy."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Any, TypeVar

import tweepy

from platforms import oauth
from platforms.contract import (
    Allowance,
    AppCredentials,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    Remember,
)
from platforms.failures import Asker, Malformed
from platforms.guard import USER_AGENT, Answer
from platforms.hosts import SentOn, api_base

T = TypeVar("T")
Row = Mapping[str, Any]

_HOST = "https://api.twitter.com"  # where tweepy sends everything
_EARLY_S = 60.0  # a token is renewed so long before its end
_SHUT = re.compile(rb"account is (temporarily )?(suspended|locked)", re.IGNORECASE)
KEY_PARTS = ("api_key", "api_key_secret", "access_token", "access_token_secret")

# These write headers with tokens, and what a signature is made of, at DEBUG.
for _name in ("tweepy", "oauthlib", "requests_oauthlib"):
    logging.getLogger(_name).setLevel(logging.WARNING)


def _is_lost(answer: Answer) -> bool:
    return answer.status == 403 and _SHUT.search(answer.body[:2_000]) is not None


class XClient:
    """A `tweepy.Client` for one account, by OAuth 2 tokens or by OAuth 1.0a keys.

    Answers are X's JSON as it stands; failures are PlatformErrors. A token that is about to end, or
    has ended, is renewed once where there is a refresh token; what X gave is remembered.
    """

    def __init__(self, connection: Connection, network: NetworkPolicy, remember: Remember) -> None:
        self._network = network
        self._base_url = connection.base_url
        self._remember = remember
        self._secret = connection.secret.strip()
        self._keys = _keys_in(self._secret)
        self._app = connection.app or _app_in(self._secret)
        self._tokens = oauth.Tokens("")
        if not self._keys:
            self._tokens = self._kept(connection.session) or oauth.load(self._secret)
        self._wire = SentOn(network, (_HOST,), api_base("x", connection.base_url))
        self._asker = Asker("X", self._wire, secrets=self.secrets, lost=_is_lost)
        self._api = tweepy.Client(
            bearer_token=self._tokens.access_token,
            consumer_key=self._keys.get("api_key"),
            consumer_secret=self._keys.get("api_key_secret"),
            access_token=self._keys.get("access_token"),
            access_token_secret=self._keys.get("access_token_secret"),
            return_type=dict,
            wait_on_rate_limit=False,
        )
        self._api.session = self._wire
        self._api.user_agent = USER_AGENT

    @property
    def by_keys(self) -> bool:
        """By OAuth 1.0a; to be told to tweepy with each call."""
        return bool(self._keys)

    def secrets(self) -> list[str]:
        app = self._app.client_secret if self._app else ""
        mine = [self._tokens.access_token, self._tokens.refresh_token, app]
        return [s for s in (self._secret, *self._keys.values(), *mine) if s]

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    def lapses_at(self) -> datetime | None:
        return None if self.by_keys else self._tokens.lapses_at

    def ask(
        self,
        call: Callable[[tweepy.Client], Any],
        pick: Callable[[Row], T],
        *,
        writes: bool = False,
    ) -> T:
        """What `pick` makes of the answer to `call`."""
        self._check()
        if self._tokens.refresh_token and self._tokens.expires_within(_EARLY_S):
            self._renew()

        def asked() -> T:
            answer = call(self._api)
            if not isinstance(answer, Mapping):
                raise Malformed("not an object")
            return pick(answer)

        try:
            return self._asker.ask(asked, writes=writes)
        except AuthorisationLost:
            # A request that was not let in has done nothing, so it may be asked again.
            if not self._tokens.refresh_token or self._wire.last is None:
                raise
            if self._wire.last.status != 401:
                raise
        self._renew()
        return self._asker.ask(asked, writes=writes)

    def post(self, route: str, body: Mapping[str, Any] | None, pick: Callable[[Row], T]) -> T:
        """For what tweepy has no method for. Nothing that publishes goes this way."""

        def call(api: tweepy.Client) -> Any:
            return api.request("POST", route, json=body, user_auth=self.by_keys).json()

        return self.ask(call, pick)

    def get(self, route: str, query: Mapping[str, str], pick: Callable[[Row], T]) -> T:
        def call(api: tweepy.Client) -> Any:
            return api.request("GET", route, params=query, user_auth=self.by_keys).json()

        return self.ask(call, pick)

    def _check(self) -> None:
        told = self._keys.values() if self._keys else [self._tokens.access_token]
        if not all(re.fullmatch(r"[\x21-\x7e]+", token) for token in told):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")

    def _renew(self) -> None:
        fresh = oauth.refresh(
            "x", self._app, self._tokens, network=self._network, base_url=self._base_url
        )
        self._tokens = fresh
        self._api.bearer_token = fresh.access_token
        kept = {"of": _mark(self._secret), "tokens": fresh.dump()}
        self._remember(json.dumps(kept))

    def _kept(self, session: str) -> oauth.Tokens | None:
        """What was renewed of this very secret; a new one from a reconnection counts more."""
        try:
            told = json.loads(session) if session else None
        except ValueError:
            return None
        if not isinstance(told, dict) or told.get("of") != _mark(self._secret):
            return None
        tokens = oauth.load(str(told.get("tokens")))
        return replace(tokens) if tokens.access_token else None


def _mark(secret: str) -> str:
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _told(secret: str) -> dict[str, Any]:
    try:
        told = json.loads(secret)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _keys_in(secret: str) -> dict[str, str]:
    """The four keys of OAuth 1.0a, {} when the secret is another kind."""
    told = _told(secret)
    if "api_key" not in told:
        return {}
    return {part: str(told.get(part) or "").strip() for part in KEY_PARTS}


def _app_in(secret: str) -> AppCredentials | None:
    told = _told(secret)
    if not told.get("client_id"):
        return None
    return AppCredentials(str(told["client_id"]), str(told.get("client_secret") or ""))

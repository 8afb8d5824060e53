"""Asking X things as one account, under the guard, through tweepy."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import tweepy

from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    Remember,
)
from platforms.failures import Asker, Malformed
from platforms.guard import USER_AGENT, Answer
from platforms.hosts import SentOn, api_base
from platforms.keeping import Keeper, told_in

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
        self._keys = _keys_in(connection.secret)
        self._keeper = Keeper("x", connection, network, remember)
        self._wire = SentOn(network, (_HOST,), api_base("x", connection.base_url))
        self._asker = Asker("X", self._wire, secrets=self.secrets, lost=_is_lost)
        self._api = tweepy.Client(
            bearer_token=self._keeper.tokens.access_token,
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
        return [*self._keys.values(), *self._keeper.secrets()]

    def allowance(self) -> Allowance | None:
        return self._asker.allowance()

    def lapses_at(self) -> datetime | None:
        return None if self.by_keys else self._keeper.lapses_at()

    def ask(
        self,
        call: Callable[[tweepy.Client], Any],
        pick: Callable[[Row], T],
        *,
        writes: bool = False,
    ) -> T:
        """What `pick` makes of the answer to `call`."""
        self._check()
        self._keeper.freshen(_EARLY_S)

        def asked() -> T:
            self._api.bearer_token = self._keeper.tokens.access_token
            answer = call(self._api)
            if not isinstance(answer, Mapping):
                raise Malformed("not an object")
            return pick(answer)

        return self._keeper.let_in(
            lambda: self._asker.ask(asked, writes=writes), self._token_is_refused
        )

    def _token_is_refused(self) -> bool:
        return self._wire.last is not None and self._wire.last.status == 401

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
        told = self._keys.values() if self._keys else [self._keeper.tokens.access_token]
        if not all(re.fullmatch(r"[\x21-\x7e]+", token) for token in told):
            raise AuthorisationLost("The access token is empty or holds what no token holds.")


def _keys_in(secret: str) -> dict[str, str]:
    """The four keys of OAuth 1.0a, {} when the secret is another kind."""
    told = told_in(secret)
    if "api_key" not in told:
        return {}
    return {part: str(told.get(part) or "").strip() for part in KEY_PARTS}

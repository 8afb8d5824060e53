"""Tokens that end and are renewed: which are in force, and what is kept of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import TypeVar

from platforms import oauth
from platforms.contract import (
    AppCredentials,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    OutcomeUnknown,
    PlatformError,
    Refused,
    Remember,
    RetryLater,
)
from platforms.registry import open_adapter, platform_info
from platforms.turns import Alone, Turn, nobodys_turn

T = TypeVar("T")
_LAST_S = 60.0
"""So long before the end of a token there is nothing to lose by asking once more."""
IN_DOUBT = "in_doubt"
"""The code of a RetryLater that means: it was asked before, and what came of it is not known."""
_UNKNOWN = {"refresh_token": timedelta(hours=1), "long_lived": timedelta(hours=25)}
"""When tokens are renewed whose end nobody said; Threads renews none younger than a day."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The tokens in force; and fresh ones of which is not known yet whose they are."""

    tokens: oauth.Tokens
    unproven: oauth.Tokens | None = None

    def dump(self, secret: str) -> str:
        """To be kept beside `secret`; `kept` reads it."""
        told = {"of": _mark(secret), "tokens": self.tokens.dump()}
        if self.unproven is not None:
            told["unproven"] = self.unproven.dump()
        return json.dumps(told)


def kept(secret: str, session: str) -> Kept:
    """What was renewed of a secret, otherwise the secret itself.

    A new secret from a reconnection counts more than anything that was kept of an earlier one.
    """
    told = told_in(session)
    if told.get("of") == _mark(secret):
        tokens = oauth.load(str(told.get("tokens")))
        unproven = oauth.load(str(told["unproven"])) if told.get("unproven") else None
        if tokens.access_token:
            return Kept(tokens, unproven)
    return Kept(oauth.load(secret))


@dataclass(frozen=True, slots=True)
class Standing:
    """How long tokens are good. `renew_at` None: nothing renews them. `scopes` (): nobody said."""

    ends_at: datetime | None
    renew_at: datetime | None
    scopes: tuple[str, ...]


def standing(key: str, app: AppCredentials | None, secret: str, session: str) -> Standing:
    """Of tokens of the platform `key` that were fetched just now: they are renewed at half time."""
    tokens = kept(secret, session).tokens
    at, now = None, datetime.now(UTC)
    if is_renewable(key, app or app_in(secret), tokens):
        if tokens.expires_at is None:
            at = now + _UNKNOWN[oauth.declared(key).refresh]
        else:
            at = max(now, now + (tokens.expires_at - now) / 2)
    return Standing(tokens.expires_at, at, tokens.scopes)


def is_renewable(key: str, app: AppCredentials | None, tokens: oauth.Tokens) -> bool:
    """Is there a way to ask the platform for fresh tokens?"""
    declared = platform_info(key).oauth
    if declared is None:
        return False
    if declared.refresh == "refresh_token":
        return bool(tokens.refresh_token)
    how = declared.renewal or declared.long_lived
    return declared.refresh == "long_lived" and how is not None and bool(app or not how.with_client)


def is_revocable(key: str, secret: str) -> bool:
    """Can the platform be asked to take this back? Only tokens that it gave to an app: to anything
    else, as keys and what was pasted, it answers 'done' all the same (RFC 7009, 2.2).
    """
    declared, told = platform_info(key).oauth, told_in(secret)
    given = bool(told.get("access_token")) and "api_key" not in told
    return declared is not None and declared.revokes and given


class Keeper:
    """The tokens of one connection."""

    def __init__(
        self, key: str, connection: Connection, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._key = key
        self._network = network
        self._connection = connection
        self._turns = connection.turns or Alone(connection.session, remember).take
        self._secret = connection.secret.strip()
        self.app = connection.app or app_in(self._secret)
        self.tokens = kept(self._secret, connection.session).tokens

    def secrets(self) -> list[str]:
        app = self.app.client_secret if self.app else ""
        given = oauth.load(self._secret)  # of which others may be in force by now
        tokens = [*self.tokens.secrets(), *given.secrets()]
        return [secret for secret in dict.fromkeys([*tokens, app, self._secret]) if secret]

    @property
    def is_renewable(self) -> bool:
        return is_renewable(self._key, self.app, self.tokens)

    def lapses_at(self) -> datetime | None:
        """When the tokens end for good; None where they are renewed or nobody said."""
        return None if self.is_renewable else self.tokens.expires_at

    def freshen(self, early_s: float) -> None:
        """Renew tokens that end within so many seconds. Where that fails, those in force are used
        to their end; only then raises what `renew` does.
        """
        if not (self.is_renewable and self.tokens.expires_within(early_s)):
            return
        failure = None
        try:
            self.renew()
        except PlatformError as error:
            failure = error
        if failure is not None and self.tokens.expires_within(0):
            raise failure

    def let_in(self, ask: Callable[[], T], is_refused: Callable[[], bool]) -> T:
        """What `ask` gives, which asks by the tokens in force: once more by others, where the
        platform takes these no more, and `is_refused` says so after an AuthorisationLost.

        What was not let in has done nothing, so even what publishes may be sent again.
        """
        try:
            return ask()
        except AuthorisationLost:
            if not (self.is_renewable and is_refused()):
                raise
        lost = None
        try:
            self.renew(refused=True)
        except Refused as refused:
            lost = AuthorisationLost(refused.message, code=refused.code)
        if lost is not None:
            raise lost
        return ask()

    def renew(self, *, refused: bool = False) -> None:
        """Have other tokens than until now: those somebody else fetched meanwhile, or fresh ones.

        `refused`: the platform takes the ones in force no more, whatever end it gave them. Raises
        AuthorisationLost where only a person can help, RetryLater and Refused.
        """
        failure: PlatformError | None = None
        try:
            with self._turns() as turn:
                self._renew(turn, refused)
        except OutcomeUnknown as unknown:
            failure = RetryLater(unknown.message, code=unknown.code, down=unknown.down)
        except PlatformError as error:
            failure = error
        if failure is not None:
            failure.__context__ = None  # what it came from may hold an answer
            raise failure

    def _renew(self, turn: Turn, refused: bool) -> None:
        stored = kept(self._secret, turn.session)
        is_newer = stored.tokens.access_token != self.tokens.access_token
        self.tokens = stored.tokens
        if is_newer and not self.tokens.expires_within(0):
            return
        fresh = stored.unproven or self._ask(turn, refused)
        self._prove(turn, fresh)
        self.tokens = fresh
        turn.keep(Kept(fresh).dump(self._secret))

    def _ask(self, turn: Turn, refused: bool) -> oauth.Tokens:
        once = oauth.declared(self._key).refresh == "refresh_token"
        if once and turn.in_doubt and not refused and not self.tokens.expires_within(_LAST_S):
            # A refresh token that was used already ends, at many platforms, what is still good.
            raise RetryLater(
                "Nobody knows what came of the last renewal. It is asked for again at the end of "
                "the credentials in force.",
                code=IN_DOUBT,
            )
        turn.asking()
        fresh = oauth.refresh(
            self._key,
            self.app,
            self.tokens,
            network=self._network,
            base_url=self._connection.base_url,
        )
        # Kept before anything else is asked: of a refresh token that is good once, it is the next.
        turn.keep(Kept(self.tokens, fresh).dump(self._secret))
        return fresh

    def _prove(self, turn: Turn, fresh: oauth.Tokens) -> None:
        """Raises AuthorisationLost, and forgets `fresh`, when it is not this account's."""
        if not self._connection.remote_id:
            return
        probe = replace(fresh, refresh_token="", expires_at=None).dump()
        asks = replace(self._connection, secret=probe, session="", app=self.app, turns=nobodys_turn)
        adapter = open_adapter(self._key, asks, network=self._network, remember=lambda _: None)
        lost = ""
        try:
            who = adapter.verify()
        except AuthorisationLost as error:
            lost = error.message
        else:
            if who.remote_id != self._connection.remote_id:
                lost = f"The renewed credentials belong to {who.handle}, so they were not taken."
        if lost:
            turn.keep(Kept(self.tokens).dump(self._secret))
            raise AuthorisationLost(lost, code="another_account")


def told_in(text: str) -> dict[str, object]:
    """The object that a secret or a session is, {} when it is none."""
    try:
        told = json.loads(text) if text else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def app_in(secret: str) -> AppCredentials | None:
    """The app that came with the secret, as long as the installation has none of its own."""
    told = told_in(secret)
    if not told.get("client_id"):
        return None
    return AppCredentials(str(told["client_id"]), str(told.get("client_secret") or ""))


def _mark(secret: str) -> str:
    return sha256(secret.strip().encode("utf-8", "surrogatepass")).hexdigest()[:16]

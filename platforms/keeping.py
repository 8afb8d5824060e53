"""Tokens that end and are renewed: which are in force, and what is kept of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from platforms import oauth
from platforms.contract import (
    AppCredentials,
    AuthorisationLost,
    Connection,
    NetworkPolicy,
    Remember,
    RetryLater,
)

_RENEWING = timedelta(minutes=10)


class Keeper:
    """The tokens of one connection: what was renewed of its secret, otherwise the secret itself.

    A new secret from a reconnection counts more than anything that was kept of an earlier one.
    """

    def __init__(
        self, key: str, connection: Connection, network: NetworkPolicy, remember: Remember
    ) -> None:
        self._key = key
        self._network = network
        self._base_url = connection.base_url
        self._remember = remember
        self._secret = connection.secret.strip()
        self.app = connection.app or app_in(self._secret)
        self.tokens = self._kept(connection.session) or oauth.load(self._secret)

    def secrets(self) -> list[str]:
        app = self.app.client_secret if self.app else ""
        mine = [self.tokens.access_token, self.tokens.refresh_token, app, self._secret]
        return [secret for secret in mine if secret]

    def renew(self) -> None:
        """Ask for fresh tokens and remember them. Raises AuthorisationLost where there are none.

        A refresh token that is good once may just have been used by another worker, which has the
        fresh ones: around the end of a token it is too early to say that the account is lost.
        """
        try:
            self.tokens = oauth.refresh(
                self._key, self.app, self.tokens, network=self._network, base_url=self._base_url
            )
        except AuthorisationLost:
            at = self.tokens.expires_at
            if at is None or abs(datetime.now(UTC) - at) > _RENEWING:
                raise
            renewing = True
        else:
            renewing = False
        if renewing:
            raise RetryLater(
                "The access to this account is being renewed.", code="renewing", delay_s=15.0
            )
        kept = {"of": _mark(self._secret), "tokens": self.tokens.dump()}
        self._remember(json.dumps(kept))

    def _kept(self, session: str) -> oauth.Tokens | None:
        told = told_in(session)
        if told.get("of") != _mark(self._secret):
            return None
        tokens = oauth.load(str(told.get("tokens")))
        return tokens if tokens.access_token else None


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
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()[:16]

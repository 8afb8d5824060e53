"""What a platform gave for an account, as data: tokens, and what some of them are bound to."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime, timedelta

from platforms.failures import Malformed, time_of


@dataclass(frozen=True, slots=True)
class Bound:
    """What goes with tokens that only the holder of a key may use (DPoP, RFC 9449).

    `issuer` gave them and renews them, `server` takes them, `subject` is whose they are.
    """

    issuer: str
    server: str
    subject: str
    key: str = field(repr=False)  # the private one; see platforms.dpop


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a platform gave for an account. `expires_at` None: it did not say."""

    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    expires_at: datetime | None = None
    scopes: tuple[str, ...] = ()
    bound: Bound | None = None

    def dump(self) -> str:
        """As a secret to be sealed; `load` reads it."""
        told = {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
            "scopes": list(self.scopes),
        }
        return json.dumps(told | ({"bound": asdict(self.bound)} if self.bound else {}))

    def secrets(self) -> list[str]:
        """All of it that must be seen nowhere."""
        key = self.bound.key if self.bound else ""
        return [one for one in (self.access_token, self.refresh_token, key) if one]

    def expires_within(self, seconds: float) -> bool:
        if self.expires_at is None:
            return False
        return self.expires_at - datetime.now(UTC) < timedelta(seconds=seconds)


def load(secret: str) -> Tokens:
    """The tokens in a secret; one that is no JSON is an access token as it stands."""
    try:
        told = json.loads(secret)
    except ValueError:
        return Tokens(secret.strip())
    if not isinstance(told, dict):
        return Tokens(secret.strip())
    try:
        at = time_of(told["expires_at"]) if told.get("expires_at") else None
    except Malformed:
        at = None
    scopes = told.get("scopes")
    return Tokens(
        access_token=str(told.get("access_token") or ""),
        refresh_token=str(told.get("refresh_token") or ""),
        expires_at=at,
        scopes=tuple(str(s) for s in scopes) if isinstance(scopes, list) else (),
        bound=_bound_in(told.get("bound")),
    )


def _bound_in(told: object) -> Bound | None:
    if not isinstance(told, dict):
        return None
    parts = [told.get(one.name) for one in fields(Bound)]
    texts = [part for part in parts if isinstance(part, str) and part]
    return Bound(*texts) if len(texts) == len(parts) else None

"""A way of signing in that is a platform's own, where what it declares (`platforms.oauth`) is not
all: the contract between them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

from platforms.contract import AppCredentials, NetworkPolicy
from platforms.registry import adapter_class
from platforms.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Begun:
    """Where a person is sent, and what has to be known when they are back, a secret."""

    address: str
    kept: str = field(repr=False)


class SignIn(Protocol):
    """One platform's, for one app. Raises PlatformError; `refresh` and `revoke` as in `oauth`."""

    def __init__(self, app: AppCredentials | None, network: NetworkPolicy) -> None: ...

    @staticmethod
    def client_of(document: str, redirect_uri: str) -> AppCredentials:
        """What a desk is known by whose document is at this address. Raises Refused."""

    @staticmethod
    def document(
        app: AppCredentials, *, name: str, website: str, redirect_uri: str
    ) -> dict[str, Any]:
        """What is read there, as JSON; public."""

    def begin(self, *, redirect_uri: str, state: str, who: str) -> Begun:
        """Ask for what a person is to agree to. `who`, or what server, it is about."""

    def exchange(
        self, *, code: str, redirect_uri: str, begun: str, state: str, issuer: str
    ) -> Tokens:
        """What a code is good for. `issuer`: who says that the answer is theirs (RFC 9207)."""

    def refresh(self, tokens: Tokens) -> Tokens: ...

    def revoke(self, tokens: Tokens) -> None: ...


@runtime_checkable
class SignsIn(Protocol):
    """An adapter whose platform has a way of its own."""

    sign_in: ClassVar[type[SignIn]]


def sign_in_of(key: str) -> type[SignIn] | None:
    """The own way of platform `key`, if it has one."""
    found = adapter_class(key)
    return found.sign_in if isinstance(found, SignsIn) else None


def own_way(key: str, app: AppCredentials | None, network: NetworkPolicy) -> SignIn | None:
    """The same, to be gone as `app`."""
    made = sign_in_of(key)
    return made(app, network) if made else None

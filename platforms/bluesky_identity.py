"""Who somebody on the AT Protocol is, where the account lives, and who lets people sign in there.

https://atproto.com/specs/did, /specs/handle and /specs/oauth. What a server says of a handle is
believed only when the account's own document says the same.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from platforms.addresses import AddressRefused, check_url, host_port
from platforms.bluesky_records import is_did
from platforms.contract import NetworkPolicy, Refused
from platforms.failures import Asker, Malformed, text_of
from platforms.guard import GuardedSession
from platforms.hosts import BLUESKY_HOSTS

T = TypeVar("T")

_HANDLE = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
)
_WEB_DID = re.compile(r"did:web:([A-Za-z0-9.-]+(?:%3A[0-9]{1,5})?)")
_ENDPOINTS = (
    "pushed_authorization_request_endpoint",
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
)


@dataclass(frozen=True, slots=True)
class Home:
    """An account, the server it lives on (no slash at the end) and the names it gives itself."""

    did: str
    server: str
    handles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issuer:
    """A server that lets people sign in (RFC 8414), and its addresses for that."""

    address: str
    pushed: str
    authorise: str
    token: str
    revoke: str


class Directory:
    """Looks people and servers up. Raises PlatformError.

    `secrets`: what must be in no message, though nothing of it is sent: a server may know it.
    """

    def __init__(self, network: NetworkPolicy, secrets: Callable[[], Iterable[str]]) -> None:
        self._network = network
        self._wire = GuardedSession(network)
        self._asker = Asker("Bluesky", self._wire, secrets=secrets, named=True)

    def home_of(self, who: str) -> Home:
        """The account of this DID or handle, by its own document."""
        did = who if is_did(who) else self._did_of(who)
        home = self._home_of(did)
        if did != who and who not in home.handles:
            raise Refused(f"{who} leads to an account that does not call itself so.", code="handle")
        return home

    def _did_of(self, handle: str) -> str:
        if not _HANDLE.fullmatch(handle):
            raise Refused("Enter a handle such as council.bsky.social.", code="handle")
        address = f"{_base('handles')}/xrpc/com.atproto.identity.resolveHandle"

        def pick(told: Mapping[str, Any]) -> str:
            if not is_did(told.get("did")):
                raise Malformed("no DID")
            return str(told["did"])

        try:
            return self._get(address, pick, handle=handle)
        except Refused as refused:
            if refused.code in ("address_refused", "redirect", "not_sent"):
                raise
        raise Refused(f"Nobody on Bluesky is called {handle}.", code="handle")

    def _home_of(self, did: str) -> Home:
        web = _WEB_DID.fullmatch(did)
        if web:
            address = f"https://{unquote(web[1])}/.well-known/did.json"
        elif did.startswith("did:plc:"):
            address = f"{_base('directory')}/{did}"
        else:
            raise Refused("This kind of account is not known.", code="did")

        def pick(told: Mapping[str, Any]) -> Home:
            names = [one for one in told.get("alsoKnownAs") or [] if isinstance(one, str)]
            handles = (n.removeprefix("at://").lower() for n in names if n.startswith("at://"))
            if told.get("id") != did:
                raise Malformed("another account's document")
            return Home(did, self._origin(_server_in(told)), tuple(handles))

        return self._get(address, pick)

    def issuer_for(self, server: str) -> Issuer:
        """Who lets people sign in on this server: another one that it names, or itself."""
        address = f"{server}/.well-known/oauth-protected-resource"

        def pick(told: Mapping[str, Any]) -> str:
            named = told.get("authorization_servers")
            if not isinstance(named, list) or len(named) != 1:
                raise Malformed("not one authorization server")
            return self._origin(named[0])

        try:
            named = self._get(address, pick)
        except Refused as refused:
            if refused.code != "404":
                raise
            named = server  # one that lets people in for other servers, as bsky.social does
        return self.issuer(named)

    def issuer(self, address: str) -> Issuer:
        """What an issuer says of itself; Refused when it cannot do what the protocol demands."""

        def pick(told: Mapping[str, Any]) -> Issuer:
            if told.get("issuer") != address:
                raise Malformed("another issuer's metadata")
            if told.get("client_id_metadata_document_supported") is not True:
                raise Malformed("it reads no client metadata")
            where = [text_of(told.get(name)) for name in _ENDPOINTS]
            for one in where:
                check_url(one, self._network)
                if not re.fullmatch(r"[!$%&'()*+,./:;=@\w\[\]~-]+", one, re.ASCII):
                    raise Malformed("an address with more than a path")
            return Issuer(address, *where)

        return self._get(f"{address}/.well-known/oauth-authorization-server", pick)

    def server(self, address: str) -> str:
        """A server's address as a person entered it. Raises Refused."""
        try:
            return self._origin(address.rstrip("/"))
        except Malformed:
            raise Refused("Leave out what follows the server's name.", code="server") from None
        except AddressRefused as refused:
            raise Refused(refused.reason, code="address_refused") from None

    def _origin(self, address: object) -> str:
        """An address that is a server's and nothing more; raises Malformed, AddressRefused."""
        text = text_of(address).rstrip("/")
        scheme, host, port = check_url(text, self._network)
        parts = urlsplit(text)
        if parts.path or parts.query or parts.fragment:
            raise Malformed("an address with more than a server")
        usual = {"https": 443, "http": 80}[scheme]
        return f"{scheme}://{host if port == usual else host_port(host, port)}"

    def _get(self, address: str, pick: Callable[[Mapping[str, Any]], T], **query: str) -> T:
        def call() -> T:
            answer = self._wire.get(address, params=query, allow_redirects=False)
            answer.raise_for_status()
            told = answer.json()
            if not isinstance(told, dict):
                raise Malformed("not a JSON object")
            return pick(told)

        return self._asker.ask(call)


def _server_in(document: Mapping[str, Any]) -> object:
    """https://atproto.com/specs/did#did-documents: the first of its kind counts."""
    for one in document.get("service") or []:
        if isinstance(one, dict) and str(one.get("id", "")).endswith("#atproto_pds"):
            return one.get("serviceEndpoint")
    raise Malformed("no server")


def _base(name: str) -> str:
    variable, own = BLUESKY_HOSTS[name]
    return (os.environ.get(variable, "") or own).rstrip("/")

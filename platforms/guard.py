"""The one way out: HTTP to the outside networks under a `NetworkPolicy`.

A name is looked up once, every address is judged, and the socket is opened to the very address
that was judged, so that an answer of the name server that changes in between changes nothing.
Both kinds of client library go through the same `GuardedSession`: those on requests take it as
their session, those on httpx by `GuardedTransport`.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import parse_url

from platforms.contract import NetworkPolicy

log = logging.getLogger(__name__)

# These write whole URLs at INFO or DEBUG, and some networks want their token in the URL.
for _name in ("urllib3", "httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

USER_AGENT = "Socialdesk"
_CHUNK = 65_536
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PORTS = {"http": 80, "https": 443}


# --- what can go wrong on the way -----------------------------------------------------------


class GuardError(Exception):
    """Base. `reason` is for people: it names the host and never a path, a query or a secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AddressRefused(GuardError):
    """We do not talk to this address; nothing was sent."""


class RedirectRefused(GuardError):
    """The server sent us to somewhere else. `acted`: it may have done what was asked (303)."""

    def __init__(self, reason: str, *, acted: bool) -> None:
        super().__init__(reason)
        self.acted = acted


class NotSent(GuardError):
    """No connection came about; nothing was sent."""


class NoAnswer(GuardError):
    """The request was sent, at least in part, and no whole answer came back."""


# --- addresses ------------------------------------------------------------------------------

# Not public, whatever the version of Python's own table says: carrier-grade NAT, protocol
# assignments, and the relays of 6to4.
_NOT_PUBLIC = [
    ipaddress.ip_network(network) for network in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24")
]
# RFC 6052 and RFC 8215: IPv4 inside IPv6, reachable through a translator of the local network.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")


def _embedded(address: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address leads to."""
    found = []
    if address.ipv4_mapped is not None:
        found.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or address in _NAT64_LOCAL or address in _V4_COMPATIBLE:
        found.append(low)
    if (int(address) >> 32) & 0xFFFFFFFF in (0x00005EFE, 0x02005EFE):  # ISATAP, RFC 5214
        found.append(low)
    return found


def is_public(address: str) -> bool:
    """Is this IP address (text, without brackets) one on the public internet?"""
    try:
        ip = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = _embedded(ip)
        if inner:
            # A translator's own prefix counts as public as soon as what it leads to is.
            return ip not in _NAT64_LOCAL and all(is_public(str(v4)) for v4 in inner)
        if ip.is_site_local:
            return False
    elif any(ip in network for network in _NOT_PUBLIC):
        return False
    return ip.is_global and not (
        ip.is_private
        or ip.is_loopback
        or ip.is_link_local
        or ip.is_multicast
        or ip.is_reserved
        or ip.is_unspecified
    )


def _host_port(host: str, port: int) -> str:
    host = host.strip("[]").rstrip(".").lower()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_allowed_private(host: str, port: int, policy: NetworkPolicy) -> bool:
    """Does the policy name this very host and port?"""
    return _host_port(host, port) in {name.strip().lower() for name in policy.private_hosts}


def check_url(url: str, policy: NetworkPolicy) -> tuple[str, str, int]:
    """Scheme, host and port of a URL that may be asked; raises AddressRefused. Looks nothing up."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        raise AddressRefused("This is not a web address.") from None
    scheme, host = parts.scheme or "", parts.host or ""
    if scheme not in _PORTS or not host:
        raise AddressRefused("The address has to begin with https:// and name a host.")
    port = parts.port or _PORTS[scheme]
    if parts.auth:
        raise AddressRefused("The address must not hold a user name or password.")
    if scheme == "http" and not is_allowed_private(host, port, policy):
        raise AddressRefused(
            f"{host} has to be reached by https. For a test server an administrator can name "
            f"{_host_port(host, port)} in SOCIALDESK_ALLOW_PRIVATE_HOSTS."
        )
    return scheme, host, port


def _resolve(host: str, port: int, policy: NetworkPolicy) -> list[tuple[int, Any]]:
    """Address family and socket address of each address of `host` that may be connected to."""
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise AddressRefused("This is not the name of a host.") from None
    except OSError:
        raise NotSent(f"There is no server called {host}, or it could not be looked up.") from None
    usable = [(int(family), address) for family, _, _, _, address in found]
    if not is_allowed_private(host, port, policy):
        usable = [entry for entry in usable if is_public(str(entry[1][0]))]
    if not usable:
        raise AddressRefused(
            f"{host} is not on the public internet. An administrator can allow it by naming "
            f"{_host_port(host, port)} in SOCIALDESK_ALLOW_PRIVATE_HOSTS."
        )
    return usable


# --- one exchange ---------------------------------------------------------------------------


class _Exchange:
    """A request and its answer, with the time they may take together."""

    def __init__(self, policy: NetworkPolicy) -> None:
        self.policy = policy
        self.expired = False
        self.sock: socket.socket | None = None
        self._timer = threading.Timer(policy.total_timeout_s, self._expire)
        self._timer.daemon = True

    def __enter__(self) -> _Exchange:
        self._token = _exchange.set(self)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        _exchange.reset(self._token)

    def _expire(self) -> None:
        # A server that sends a byte now and then never meets a read timeout; cutting the line
        # ends the read wherever it is. The base class's method: SSLSocket's drops its state.
        self.expired = True
        if self.sock is not None:
            try:
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
            except OSError:
                log.debug("the connection was already closed at its deadline")


_exchange: ContextVar[_Exchange] = ContextVar("exchange")


def _connect(host: str, port: int) -> socket.socket:
    exchange = _exchange.get()
    failure = ""
    for family, address in _resolve(host, port, exchange.policy):
        sock = socket.socket(socket.AddressFamily(family), socket.SOCK_STREAM)
        exchange.sock = sock
        try:
            sock.settimeout(exchange.policy.connect_timeout_s)
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            failure = f"{host} did not answer in time."
        except OSError:
            failure = f"{host} cannot be reached."
        else:
            return sock
        sock.close()
        if exchange.expired:
            break
    raise NotSent(failure)


def _not_sent(host: str, exc: Exception) -> NotSent:
    if "certificate" in str(exc).lower():
        return NotSent(f"The certificate of {host} is not valid.")
    return NotSent(f"No safe connection to {host} could be made.")


class _HTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 80)

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError) as exc:
            raise _not_sent(self.host, exc) from None

    def request(self, *args: Any, **kwargs: Any) -> None:
        _exchange.get().sock = self.sock
        super().request(*args, **kwargs)


class _HTTPSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self._dns_host, self.port or 443)

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError) as exc:
            raise _not_sent(self.host, exc) from None
        _exchange.get().sock = self.sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _exchange.get().sock = self.sock
        super().request(*args, **kwargs)


class _HTTPPool(HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


# --- the transport ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, for working out what it means. `body` is whole and not to be logged."""

    status: int
    headers: Mapping[str, str]  # keys in lower case
    body: bytes

    def header(self, name: str) -> str:
        return self.headers.get(name.lower(), "")


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, policy: NetworkPolicy) -> None:
        self.policy = policy
        self.asked = False  # has a request been handed to the network?
        super().__init__(max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        manager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **pool_kwargs)
        manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
        self.poolmanager = manager

    def send(
        self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any
    ) -> requests.Response:
        """One request under the policy, whatever timeout, proxy or leniency the caller wished for.

        The answer is read to its end here, counted as decoded bytes.
        """
        origin = check_url(request.url or "", self.policy)
        host = origin[1]
        started = time.monotonic()
        self.asked = True
        with _Exchange(self.policy) as exchange:
            try:
                response = super().send(
                    request,
                    stream=True,
                    timeout=(self.policy.connect_timeout_s, self.policy.read_timeout_s),
                    verify=True,
                )
                body = self._read(response, host)
            except GuardError:
                raise
            except (requests.RequestException, HTTPError, OSError, ValueError) as exc:
                raise NoAnswer(_why_no_answer(host, exc, exchange.expired)) from None
            if exchange.expired:
                raise NoAnswer(f"{host} did not answer in time.")
        log.debug(
            "%s %s: %s in %.0f ms",
            request.method,
            host,
            response.status_code,
            (time.monotonic() - started) * 1000,
        )
        self._check_redirect(request, response, origin)
        # requests keeps a body that was read under these names.
        response._content = body
        response._content_consumed = True  # type: ignore[attr-defined]  # not in the stubs
        response.headers.pop("Deprecation", None)  # Mastodon.py turns it into a warning
        return response

    def _read(self, response: requests.Response, host: str) -> bytes:
        chunks = []
        size = 0
        for chunk in response.raw.stream(_CHUNK, decode_content=True):
            size += len(chunk)
            if size > self.policy.max_answer_bytes:
                response.close()
                raise NoAnswer(f"The answer of {host} was far too long.")
            chunks.append(chunk)
        response.raw.release_conn()
        return b"".join(chunks)

    def _check_redirect(
        self,
        request: requests.PreparedRequest,
        response: requests.Response,
        origin: tuple[str, str, int],
    ) -> None:
        target = response.headers.get("Location", "")
        if response.status_code not in _REDIRECTS or not target:
            return
        host = origin[1]
        try:
            goes_to = check_url(requests.compat.urljoin(request.url or "", target), self.policy)
        except AddressRefused:
            goes_to = ("", "a place that is not allowed", 0)
        reads = request.method in ("GET", "HEAD")
        if goes_to == origin and reads:
            return
        where = goes_to[1] if goes_to[1] != host else "another of its own addresses"
        raise RedirectRefused(
            f"{host} sent us on to {where}, and Socialdesk does not carry credentials there. "
            "If that is the right server, enter its address.",
            acted=response.status_code == 303 and not reads,
        )


def _why_no_answer(host: str, exc: Exception, expired: bool) -> str:
    if expired or isinstance(exc, (requests.Timeout, TimeoutError)):
        return f"{host} did not answer in time."
    if "timed out" in str(exc).lower():
        return f"{host} did not answer in time."
    return f"The connection to {host} broke off."


class GuardedSession(requests.Session):
    """A requests session that cannot leave the policy. `last`: the newest answer since `forget`."""

    def __init__(self, policy: NetworkPolicy) -> None:
        super().__init__()
        self.policy = policy
        self.last: Answer | None = None
        self.trust_env = False  # neither proxies nor .netrc nor certificate bundles from outside
        self.max_redirects = 3
        self.headers["User-Agent"] = USER_AGENT
        self.headers["Accept-Encoding"] = "gzip, deflate"
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.adapters.clear()
        self._way_out = _GuardedAdapter(policy)
        self.mount("https://", self._way_out)
        self.mount("http://", self._way_out)

    @property
    def asked(self) -> bool:
        """Was a request handed to the network since `forget`?"""
        return self._way_out.asked

    def forget(self) -> None:
        self.last = None
        self._way_out.asked = False

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response = super().send(request, **kwargs)
        self.last = Answer(
            response.status_code,
            {name.lower(): value for name, value in response.headers.items()},
            response.content,
        )
        return response


class GuardedTransport(httpx.BaseTransport):
    """Lets a client library on httpx send through a `GuardedSession`."""

    # The session states these itself; a decoded answer has another length and no encoding.
    _OWN_REQUEST = frozenset({"host", "content-length", "connection", "accept-encoding"})
    _OWN_ANSWER = frozenset({"content-length", "content-encoding", "transfer-encoding"})

    def __init__(self, session: GuardedSession) -> None:
        self._session = session

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in self._OWN_REQUEST}
        asked = requests.Request(
            request.method, str(request.url), headers=headers, data=request.read() or None
        )
        response = self._session.send(self._session.prepare_request(asked), allow_redirects=False)
        return httpx.Response(
            response.status_code,
            headers=[
                (k, v) for k, v in response.headers.items() if k.lower() not in self._OWN_ANSWER
            ],
            content=response.content,
            request=request,
        )

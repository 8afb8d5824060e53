"""The one way out: HTTP to the outside networks under a `NetworkPolicy`.

A name is looked up once, every address is judged, and the socket is opened to the very address
that was judged, so that an answer of the name server that changes in between changes nothing.
Both kinds of client library go through the same `GuardedSession`: those on requests take it as
their session, those on httpx by `GuardedTransport`.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from platforms.addresses import (
    AddressRefused,
    GuardError,
    NoAnswer,
    NotSent,
    RedirectRefused,
    check_beyond_proxy,
    check_url,
    is_allowed_private,
    look_up,
    resolve,
)
from platforms.contract import NetworkPolicy
from platforms.proxy import tunnel

log = logging.getLogger(__name__)

# These write whole URLs at INFO or DEBUG, and some networks want their token in the URL.
for _name in ("urllib3", "httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

USER_AGENT = "Socialdesk"
_CHUNK = 65_536
# A server may close an idle connection just as we send on it, and then nobody knows whether it
# took the request: after this time we open a new one (Node's own limit is 5 s).
_IDLE_S = 2.0
_SERVERS_KEPT = 64
_CONNECTIONS_KEPT = 64  # to each of them; as many as a publisher sends at once
# Mastodon.py makes a warning of the first, and of a reset time that it cannot read a failure,
# though the post is out by then. What there is to wait for is read from `Answer`.
_NOT_FOR_LIBRARIES = (
    "Deprecation",
    "X-RateLimit-Limit",
    "X-RateLimit-Remaining",
    "X-RateLimit-Reset",
)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


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
    policy = _exchange.get().policy
    if policy.proxy is None or is_allowed_private(host, port, policy):
        return _connect_to(host, resolve(host, port, policy))
    check_beyond_proxy(host, port, policy)
    proxy = policy.proxy
    sock = _connect_to("The proxy", look_up(proxy.host, proxy.port))
    try:
        tunnel(sock, proxy, host, port)
    except OSError:
        sock.close()
        raise NotSent(f"The proxy did not lead to {host} in time.") from None
    except NotSent:
        sock.close()
        raise
    return sock


def _connect_to(host: str, addresses: list[tuple[int, Any]]) -> socket.socket:
    exchange = _exchange.get()
    failure = ""
    for family, address in addresses:
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


class _Kept(HTTPConnection):
    """A connection that counts as closed when it was idle for too long."""

    used_at = 0.0

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self.used_at <= _IDLE_S and super().is_connected

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # as urllib3 does
        response = super().getresponse()
        self.used_at = time.monotonic()
        return response


class _HTTPConnection(_Kept):
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


class _HTTPSConnection(_Kept, HTTPSConnection):
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


@lru_cache(maxsize=8)
def _connections(policy: NetworkPolicy) -> PoolManager:
    """The open connections of this process under one policy, kept alive for all its accounts.

    Who asks is said in each request's own headers; nothing of it stays with a connection.
    """
    manager = PoolManager(num_pools=_SERVERS_KEPT, maxsize=_CONNECTIONS_KEPT, block=False)
    manager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}
    return manager


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
        self.poolmanager = _connections(self.policy)

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
        for name in _NOT_FOR_LIBRARIES:
            response.headers.pop(name, None)
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

"""The one way out: where it goes, where it does not, and for how long."""

from __future__ import annotations

import gzip
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from platforms.addresses import (
    AddressRefused,
    NoAnswer,
    NotSent,
    RedirectRefused,
    check_url,
    is_public,
)
from platforms.contract import NetworkPolicy
from platforms.guard import GuardedSession, GuardedTransport

from .server import Asked, FakeServer, Fault, Reply
from .sockets import certificate, listen


class Echo(FakeServer):
    def route(self, asked: Asked) -> Reply:
        return Reply(data={"path": asked.path, "query": asked.query})


@pytest.fixture
def server() -> Iterator[Echo]:
    made = Echo()
    yield made
    made.close()


def policy(*hosts: str, **changes: Any) -> NetworkPolicy:
    # A busy machine is not a fault.
    values = {"connect_timeout_s": 10.0, "read_timeout_s": 10.0, "total_timeout_s": 20.0}
    return NetworkPolicy(private_hosts=frozenset(hosts), **{**values, **changes})


def impatient(host: str) -> NetworkPolicy:
    """For servers that do not come to an end."""
    return policy(host, connect_timeout_s=1.0, read_timeout_s=0.5, total_timeout_s=1.0)


# --- addresses --------------------------------------------------------------------------------

NOT_PUBLIC = (
    "127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 "
    "100.64.0.1 100.127.255.255 0.0.0.0 0.1.2.3 224.0.0.1 239.1.2.3 240.0.0.1 255.255.255.255 "
    "192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 192.0.0.8 192.88.99.1 "
    ":: ::1 fe80::1 fe80::1%eth0 fc00::1 fd12:3456::1 ff02::1 fec0::1 2001:db8::1 100::1 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:7f00:1 ::127.0.0.1 ::10.0.0.1 "
    "64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::a00:1 64:ff9b:1::808:808 "
    "2002:7f00:1:: 2002:a00:1:: 2002:c0a8:101::1 "
    "2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:0:7f00:1:: "
    "2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:127.0.0.1 "
    "nonsense 1.2.3 example.org"
)


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "1.1.1.1",
        "172.15.0.1",
        "172.32.0.1",
        "100.63.0.1",
        "100.128.0.1",
        "2606:4700:4700::1111",
        "2a00:1450::1",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
    ],
)
def test_addresses_that_are(address: str) -> None:
    assert is_public(address)


@given(st.integers(0, 2**32 - 1))
def test_wrapping_an_address_does_not_make_it_public(number: int) -> None:
    inner = ipaddress.IPv4Address(number)
    plain = is_public(str(inner))
    for wrapped in (
        f"::ffff:{inner}",
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80) | 1)),
    ):
        assert is_public(wrapped) == plain


@given(st.integers(0, 2**32 - 1))
def test_nothing_private_counts_as_public(number: int) -> None:
    address = ipaddress.IPv4Address(number)
    if address.is_private or address.is_multicast or address.is_reserved:
        assert not is_public(str(address))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "//example.org/",
        "example.org",
        "https://",
        "https://user:password@example.org/",
        "https://user@example.org/",
        "http://127.0.0.1:81/",
        "javascript:alert(1)",
        "https://exa mple.org:99999999/",
        "",
    ],
)
def test_urls_that_are_not_asked(url: str) -> None:
    with pytest.raises(AddressRefused) as caught:
        check_url(url, policy("127.0.0.1:80"))
    assert "password" not in caught.value.reason.replace("user name or password", "")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "localhost",
        "localhost.",
        "[::1]",
        "0.0.0.0",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "169.254.169.254",
        "10.1.2.3",
    ],
)
def test_every_spelling_of_a_private_address_is_refused(server: Echo, host: str) -> None:
    session = GuardedSession(policy())
    with pytest.raises((AddressRefused, NotSent)):
        session.get(f"https://{host}:{server.port}/")
    assert server.ledger == []


@pytest.mark.parametrize(
    "named", ["127.0.0.1:1", "127.0.0.1", "localhost:{port}", "10.0.0.1:{port}"]
)
def test_only_the_named_host_and_port_may_be_private(server: Echo, named: str) -> None:
    session = GuardedSession(policy(named.format(port=server.port)))
    with pytest.raises(AddressRefused):
        session.get(f"{server.url}/")
    assert GuardedSession(policy(server.private_host)).get(server.url).status_code == 200


def test_the_address_that_was_judged_is_the_one_connected_to(
    server: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when looked at and private when connected to leads nowhere."""
    asked: list[str] = []

    def lookup(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "203.0.114.9" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected: list[Any] = []

    def connect(_self: socket.socket, address: Any) -> None:
        connected.append(address)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(NotSent):
        GuardedSession(policy()).get(f"https://rebinding.test:{server.port}/")
    assert asked == ["rebinding.test"]
    assert connected == [("203.0.114.9", server.port)]


def test_of_several_addresses_only_the_public_ones_are_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lookup(_host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in ("10.0.0.1", "203.0.114.9", "127.0.0.1", "203.0.114.10")
        ]

    connected: list[Any] = []

    def connect(_self: socket.socket, address: Any) -> None:
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(NotSent, match="cannot be reached"):
        GuardedSession(policy()).get("https://mixed.test/")
    assert connected == ["203.0.114.9", "203.0.114.10"]


def test_a_name_that_nobody_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: Any, **__: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with pytest.raises(NotSent, match=r"no server called nowhere\.test"):
        GuardedSession(policy()).get("https://nowhere.test/")


# --- what the environment says ----------------------------------------------------------------


def test_proxies_of_the_environment_are_not_used(
    server: Echo, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Echo()
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    try:
        session = GuardedSession(policy(server.private_host, proxy.private_host))
        assert session.get(server.url).json()["path"] == "/"
        with httpx.Client(transport=GuardedTransport(session), trust_env=False) as client:
            assert client.get(server.url).json()["path"] == "/"
        session.get(server.url, proxies={"http": proxy.url})
        assert proxy.ledger == []
    finally:
        proxy.close()


def test_a_netrc_is_not_read(server: Echo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    GuardedSession(policy(server.private_host)).get(server.url)
    assert "authorization" not in server.ledger[0].headers


def test_cookies_are_not_kept(server: Echo) -> None:
    session = GuardedSession(policy(server.private_host))
    with server.going_wrong(Fault(Reply(200, {}, headers={"Set-Cookie": "a=b; Path=/"}))):
        session.get(server.url)
        session.get(server.url)
    assert "cookie" not in server.ledger[1].headers


def test_a_caller_cannot_switch_the_guard_off(server: Echo) -> None:
    session = GuardedSession(policy(server.private_host, read_timeout_s=0.2))
    with server.going_wrong(Fault(hang_s=1.0, acts=True)), pytest.raises(NoAnswer, match="in time"):
        session.get(server.url, timeout=300, verify=False, stream=True)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The ports that were connected to, in order."""
    ports: list[int] = []
    plain = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        ports.append(address[1])
        plain(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return ports


def test_a_connection_that_was_idle_is_not_used_again(
    server: Echo, connected: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = GuardedSession(policy(server.private_host, read_timeout_s=19.0))
    for _ in range(3):
        session.get(server.url)
    assert len(connected) == 1
    monkeypatch.setattr("platforms.guard._IDLE_S", 0.0)
    session.get(server.url)
    assert len(connected) == 2


def test_accounts_share_a_connection_and_nothing_that_goes_over_it(
    server: Echo, connected: list[int]
) -> None:
    rules = policy(server.private_host, read_timeout_s=18.0)
    first, second = GuardedSession(rules), GuardedSession(rules)
    first.headers["Authorization"] = "Bearer first"
    for session in (first, second, first):
        session.get(server.url)
    heard = [asked.headers.get("authorization", "") for asked in server.asked_for("", "GET")]
    assert heard == ["Bearer first", "", "Bearer first"]
    assert len(connected) == 1


def test_a_connection_made_under_other_rules_is_not_used(
    server: Echo, connected: list[int]
) -> None:
    lenient = policy(server.private_host, read_timeout_s=17.0)
    GuardedSession(lenient).get(server.url)
    with pytest.raises(AddressRefused):
        GuardedSession(policy(read_timeout_s=17.0)).get(server.url)
    GuardedSession(policy(server.private_host, read_timeout_s=16.0)).get(server.url)
    assert len(connected) == 2


# --- redirects --------------------------------------------------------------------------------


def test_a_read_may_be_sent_on_within_its_own_server(server: Echo) -> None:
    session = GuardedSession(policy(server.private_host))
    fault = Fault(
        Reply(301, headers={"Location": "/there/"}), match=lambda a: a.path == "/here", times=1
    )
    with server.going_wrong(fault):
        assert session.get(f"{server.url}/here").json()["path"] == "/there/"
    fault.times = 1
    with server.going_wrong(fault), pytest.raises(RedirectRefused):
        session.post(f"{server.url}/here")


def test_a_redirect_without_end_ends(server: Echo) -> None:
    session = GuardedSession(policy(server.private_host))
    fault = Fault(Reply(302, headers={"Location": "/again"}))
    with server.going_wrong(fault), pytest.raises(Exception, match="redirects"):
        session.get(server.url)
    assert len(server.ledger) <= 5


# --- how much, and for how long ---------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["", "gzip"])
@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (5_000_000, False)])
def test_an_answer_is_counted_as_it_unfolds(
    server: Echo, encoding: str, size: int, fits: bool
) -> None:
    body = b"a" * size
    reply = Reply(
        body=gzip.compress(body) if encoding else body,
        headers={"Content-Encoding": encoding} if encoding else {},
    )
    session = GuardedSession(policy(server.private_host, max_answer_bytes=1000))
    with server.going_wrong(Fault(reply)):
        if fits:
            assert session.get(server.url).content == body
        else:
            with pytest.raises(NoAnswer, match="too long"):
                session.get(server.url)


def _drip(head: bytes) -> Callable[[socket.socket], None]:
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(head)
        for _ in range(200):
            connection.sendall(b"a")
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP"]
)
def test_a_trickle_ends_at_the_deadline(head: bytes) -> None:
    listener, host = listen(_drip(head))
    try:
        with pytest.raises(NoAnswer, match="in time"):  # not cut off, as it is after ten seconds
            GuardedSession(impatient(host)).get(f"http://{host}/")
    finally:
        listener.close()


def test_a_handshake_that_never_ends_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    listener, host = listen(_drip(b"\x16"))
    try:
        with pytest.raises(NotSent):
            GuardedSession(impatient(host)).get(f"https://{host}/")
    finally:
        listener.close()


def test_garbage_is_no_answer() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"\x00\x01SSH-2.0-OpenSSH\r\n\r\n")

    listener, host = listen(serve)
    try:
        with pytest.raises(NoAnswer):
            GuardedSession(policy(host)).get(f"http://{host}/")
    finally:
        listener.close()


# --- certificates -----------------------------------------------------------------------------


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Callable[[Callable[[ssl.SSLSocket], None]], str]]:
    """Starts a server that speaks TLS as 'localhost'; its host and port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path))
    listeners: list[socket.socket] = []

    def start(serve: Callable[[ssl.SSLSocket], None]) -> str:
        def speak(connection: socket.socket) -> None:
            with context.wrap_socket(connection, server_side=True) as wrapped:
                serve(wrapped)

        listener, host = listen(speak)
        listeners.append(listener)
        return host.replace("127.0.0.1", "localhost")

    yield start
    for listener in listeners:
        listener.close()


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "cert.pem"))


def _hello(connection: ssl.SSLSocket) -> None:
    while connection.recv(65_536):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


def test_a_certificate_that_nobody_signed_is_refused_before_anything_is_sent(
    secure: Callable[..., str],
) -> None:
    received: list[bytes] = []
    host = secure(lambda connection: received.append(connection.recv(1000)))
    with pytest.raises(NotSent, match="certificate"):
        GuardedSession(policy(host)).get(f"https://{host}/?token=secret")
    assert received in ([], [b""])


@pytest.mark.usefixtures("trusted")
def test_a_certificate_of_another_name_is_refused(secure: Callable[..., str]) -> None:
    host = secure(_hello).replace("localhost", "127.0.0.1")
    with pytest.raises(NotSent, match="certificate"):
        GuardedSession(policy(host)).get(f"https://{host}/")


@pytest.mark.usefixtures("trusted")
def test_a_good_certificate_is_talked_to_on_one_connection(secure: Callable[..., str]) -> None:
    host = secure(_hello)
    session = GuardedSession(policy(host))
    for _ in range(3):
        assert session.get(f"https://{host}/").text == "hello"
    assert session.post(f"https://{host}/", data=b"x").text == "hello"


@pytest.mark.usefixtures("trusted")
def test_a_trickle_under_tls_ends_at_the_deadline(secure: Callable[..., str]) -> None:
    host = secure(_drip(b"HTTP/1.1 200 OK\r\n\r\n"))
    with pytest.raises(NoAnswer, match="in time"):
        GuardedSession(impatient(host)).get(f"https://{host}/")


@pytest.mark.usefixtures("trusted")
def test_a_bundle_of_the_environment_is_not_trusted(
    secure: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", certifi.where())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "cert.pem"))
    host = secure(_hello)
    with pytest.raises(NotSent, match="certificate"):
        GuardedSession(policy(host)).get(f"https://{host}/")


# --- what is logged ---------------------------------------------------------------------------


def test_no_query_and_no_header_is_logged(server: Echo, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    session = GuardedSession(policy(server.private_host))
    headers = {"Authorization": "Bearer canary-header"}
    session.get(f"{server.url}/path?token=canary-query", headers=headers)
    with httpx.Client(transport=GuardedTransport(session), trust_env=False) as client:
        client.get(f"{server.url}/path?token=canary-query", headers=headers)
    assert len(server.ledger) == 2
    assert "canary" not in caplog.text


def test_httpx_sends_and_receives_the_same(server: Echo) -> None:
    session = GuardedSession(policy(server.private_host))
    reply = Reply(body=gzip.compress(b'{"a": "\xc3\xa9"}'), headers={"Content-Encoding": "gzip"})
    with (
        httpx.Client(transport=GuardedTransport(session), trust_env=False) as client,
        server.going_wrong(Fault(reply)),
    ):
        answer = client.post(f"{server.url}/x?a=1&a=2", content=b"\x00\xff", headers={"X-A": "b"})
    assert answer.json() == {"a": "é"}
    (asked,) = server.ledger
    assert (asked.method, asked.query, asked.body) == ("POST", {"a": ["1", "2"]}, b"\x00\xff")
    assert asked.headers["x-a"] == "b"
    assert asked.headers["host"] == server.private_host

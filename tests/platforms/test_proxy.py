"""Going out through a proxy: what it is asked for, what it is not, and what it cannot do."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from platforms.addresses import AddressRefused, NotSent
from platforms.contract import NetworkPolicy, Proxy
from platforms.guard import GuardedSession
from platforms.proxy import proxy_from

from .server import Asked, FakeServer, Reply
from .sockets import certificate, listen

NAME = "social.example"  # nobody looks it up here: only the proxy knows it


class Relay:
    """A proxy that leads whatever it is asked for to one place, or answers as it is told."""

    def __init__(self, leads_to: str, answer: bytes = b"") -> None:
        self.heads: list[str] = []
        self._to = leads_to.rsplit(":", 1)
        self._answer = answer
        self.listener, place = listen(self._serve)
        self.port = int(place.rsplit(":", 1)[1])

    def _serve(self, connection: socket.socket) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = connection.recv(1)
            if not byte:
                return
            head += byte
        self.heads.append(head.decode())
        if self._answer:
            connection.sendall(self._answer)
            return
        with socket.create_connection((self._to[0], int(self._to[1]))) as onward:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 relay\r\n\r\n")
            back = threading.Thread(target=_carry, args=(onward, connection))
            back.start()
            _carry(connection, onward)
            back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.fixture
def behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that proves to be NAME; its place on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(tmp_path, NAME))
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(tmp_path / "cert.pem"))

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as wrapped:
            while wrapped.recv(65_536):
                wrapped.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

    listener, place = listen(serve)
    yield place
    listener.close()


@pytest.fixture
def relay(behind: str) -> Iterator[Callable[..., Relay]]:
    made: list[Relay] = []

    def start(**changes: Any) -> Relay:
        made.append(Relay(behind, **changes))
        return made[-1]

    yield start
    for one in made:
        one.listener.close()


def session(relay: Relay, *private: str, credentials: str = "") -> GuardedSession:
    proxy = Proxy("127.0.0.1", relay.port, credentials)
    return GuardedSession(
        NetworkPolicy(
            private_hosts=frozenset(private),
            proxy=proxy,
            connect_timeout_s=10.0,  # a busy machine is not a fault
            read_timeout_s=10.0,
            total_timeout_s=20.0,
        )
    )


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names known here: not that of the outside server, and one that leads inward."""
    real = socket.getaddrinfo

    def lookup(host: str, *given: Any, **named: Any) -> Any:
        if host == "inside.example":
            return real("10.1.2.3", *given, **named)
        if ":" in host or host.replace(".", "").isdigit():
            return real(host, *given, **named)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)


def test_a_server_is_reached_by_its_name_and_spoken_to_under_its_own_certificate(
    relay: Callable[..., Relay],
) -> None:
    proxy = relay()
    asking = session(proxy, credentials="desk:pä:ss")
    for _ in range(3):
        assert asking.get(f"https://{NAME}/secret?token=canary").text == "hello"
    (head,) = proxy.heads  # one tunnel for all three
    assert head.startswith(f"CONNECT {NAME}:443 HTTP/1.1\r\nHost: {NAME}:443\r\n")
    said = head.partition("Proxy-Authorization: Basic ")[2].partition("\r\n")[0]
    assert base64.b64decode(said).decode() == "desk:pä:ss"
    assert "canary" not in head


def test_a_proxy_cannot_stand_in_for_the_server(relay: Callable[..., Relay]) -> None:
    with pytest.raises(NotSent, match="certificate"):
        session(relay()).get("https://another.example/")


@pytest.mark.parametrize("host", ["inside.example", "127.0.0.1", "169.254.169.254", "[::1]"])
def test_a_proxy_is_not_asked_for_what_is_not_public(
    relay: Callable[..., Relay], host: str
) -> None:
    proxy = relay()
    with pytest.raises((AddressRefused, NotSent)):
        session(proxy).get(f"https://{host}/")
    assert proxy.heads == []


def test_a_private_host_that_is_named_is_reached_without_it(relay: Callable[..., Relay]) -> None:
    class Inside(FakeServer):
        def route(self, asked: Asked) -> Reply:
            return Reply(data={"path": asked.path})

    proxy, inside = relay(), Inside()
    try:
        host = inside.url.removeprefix("http://")
        assert session(proxy, host).get(f"{inside.url}/x").json() == {"path": "/x"}
    finally:
        inside.close()
    assert proxy.heads == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "credentials"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno\n", "403"),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "502"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "no HTTP answer"),
        (b"HTTP/1.1 \r\n\r\n", "no HTTP answer"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5_000, "no HTTP answer"),
        (b"H", "no HTTP answer"),
    ],
)
def test_a_proxy_that_does_not_lead_on_has_sent_nothing(
    relay: Callable[..., Relay], answer: bytes, words: str
) -> None:
    with pytest.raises(NotSent, match=words) as refused:
        session(relay(answer=answer), credentials="desk:canary").get(f"https://{NAME}/")
    assert "canary" not in str(refused.value)


def test_a_proxy_that_is_not_there(unused_tcp_port: int) -> None:
    policy = NetworkPolicy(proxy=Proxy("127.0.0.1", unused_tcp_port), connect_timeout_s=1.0)
    with pytest.raises(NotSent, match="The proxy cannot be reached"):
        GuardedSession(policy).get(f"https://{NAME}/")


@pytest.mark.parametrize(
    "url",
    [
        "proxy.example:3128",
        "https://proxy.example:3128",
        "socks5://proxy.example:1080",
        "http://proxy.example",
        "http://proxy.example:port",
        "http://proxy.example:3128/path",
        "http://:3128",
    ],
)
def test_what_names_no_proxy_is_refused_without_saying_it_again(url: str) -> None:
    with pytest.raises(ValueError, match="http://host:port") as wrong:
        proxy_from(url)
    assert "proxy.example" not in str(wrong.value)


def test_a_proxy_and_its_credentials_are_read_from_an_address() -> None:
    found = proxy_from("http://desk:p%40ss@proxy.example:3128/")
    assert found == Proxy("proxy.example", 3128, "desk:p@ss")
    assert "p@ss" not in repr(found)

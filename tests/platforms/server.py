"""A small real HTTP server for the tests: a ledger of what arrived, and faults on demand.

The fakes of the networks are built on it (one module each). They are reached over loopback with
real sockets, so that what the adapters' libraries do on the wire is what is tested.
"""

from __future__ import annotations

import json
import secrets
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]

    def json(self) -> Any:
        return json.loads(self.body)

    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), keep_blank_values=True)

    def parts(self) -> dict[str, bytes]:
        """The fields of a multipart form."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return {
            str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
            for part in message.iter_parts()
        }


@dataclass(frozen=True)
class Reply:
    """One answer. `body` None: `data` as JSON."""

    status: int = 200
    data: Any = None
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        return json.dumps(self.data).encode() if self.body is None else self.body


@dataclass
class Fault:
    """Goes wrong instead of, or after (`acts`), what the server would have done."""

    reply: Reply | None = None
    acts: bool = False
    reset: bool = False  # cut the line
    hang_s: float = 0.0  # say nothing for so long
    drip_s: float = 0.0  # send the answer byte by byte, with this pause
    change: Callable[[Any], Any] | None = None  # of the JSON of the true answer
    match: Callable[[Asked], bool] = lambda _asked: True
    times: int = 1_000


class KnownApp:
    """What a fake knows of the desk's app, and how it answers to one it does not know."""

    client_id = "client-of-the-desk"
    code = "canary-code-5b81"

    def __init__(self) -> None:
        self.client_secret = f"canary-app-{secrets.token_hex(8)}"

    def refusal(self, form: dict[str, list[str]]) -> Reply | None:
        """None: the app is ours, and so is the code where there is one."""
        mine = {"client_id": [self.client_id], "client_secret": [self.client_secret]}
        if any(form.get(name) != value for name, value in mine.items()):
            return Reply(401, {"error": "invalid_client"})
        if form.get("grant_type") == ["authorization_code"] and form.get("code") != [self.code]:
            return Reply(400, {"error": "invalid_grant"})
        return None


class FakeServer:
    """Base of the fakes. Subclasses answer `route`."""

    def __init__(self) -> None:
        self.ledger: list[Asked] = []
        self.faults: list[Fault] = []
        self.lock = threading.RLock()
        self.closing = threading.Event()
        self.crashes: list[str] = []  # of the fake itself: the test that made one fails
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.daemon = True
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def private_host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        assert self.crashes == [], "\n".join(self.crashes)

    @contextmanager
    def going_wrong(self, fault: Fault) -> Iterator[Fault]:
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)

    def asked_for(self, path: str, method: str | None = None) -> list[Asked]:
        return [a for a in self.ledger if path in a.path and method in (None, a.method)]

    def route(self, asked: Asked) -> Reply:
        raise NotImplementedError

    def answer(self, asked: Asked) -> tuple[Reply | None, Fault | None]:
        with self.lock:
            self.ledger.append(asked)
            fault = next((f for f in self.faults if f.times > 0 and f.match(asked)), None)
            if fault is None:
                return self.route(asked), None
            fault.times -= 1
            reply = fault.reply
            if fault.acts or fault.change:
                done = self.route(asked)
                if fault.change:
                    done = Reply(done.status, fault.change(done.data), None, done.headers)
                reply = reply or done
            return reply, fault


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that go away are what many of these tests are about


def _handler_of(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 65_536

        def log_message(self, *args: Any) -> None:
            pass

        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            parts = urlsplit(self.path)
            asked = Asked(
                self.command,
                parts.path,
                parse_qs(parts.query, keep_blank_values=True),
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
            try:
                reply, fault = fake.answer(asked)
            except Exception:
                fake.crashes.append(traceback.format_exc())
                raise
            if fault is not None and fault.hang_s:
                fake.closing.wait(fault.hang_s)
            if fault is not None and (fault.reset or reply is None):
                # Linger of nothing: the other side sees a reset and not a polite end.
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
                self.close_connection = True
                return
            assert reply is not None
            body = reply.bytes()
            headers = {"Content-Type": "application/json; charset=utf-8", **reply.headers}
            headers.setdefault("Content-Length", str(len(body)))
            headers.setdefault("Date", self.date_time_string())
            self.send_response_only(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if fault is not None and fault.drip_s:
                for position in range(len(body)):
                    self.wfile.write(body[position : position + 1])
                    self.wfile.flush()
                    if fake.closing.wait(fault.drip_s):
                        return
            self.wfile.write(body)
            self.wfile.flush()

        do_GET = do_POST = do_PUT = do_DELETE = answer

    return Handler


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Until it holds; so long only where the machine has much else to do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)

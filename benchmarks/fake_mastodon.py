"""Fake Mastodon servers with a ledger, cheap enough to share two cores with what is measured.

    python -m benchmarks.fake_mastodon 0.05 6

One process serves so many ports and prints which; each is a platform of its own to whoever posts
there. A post is accepted, and written into the ledger, when the latency is over. What is under `/_`
is for the benchmark: the ledger, forgetting it, letting a port hang, and how many mentions each
account has got so far.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

_END = b"\r\n\r\n"
_ACCOUNT = {
    "id": "1001",
    "username": "council",
    "acct": "council",
    "display_name": "The Council",
    "url": "http://here.test/@council",
    "note": "<p>News for the people of Northmoor.</p>",
    "avatar": "http://here.test/a.png",
    "followers_count": 3141,
    "following_count": 27,
    "statuses_count": 1618,
    "emojis": [],
    "fields": [],
}


_AUTHORS = 400


def mention(number: int) -> dict[str, Any]:
    """A notification of a post by one of _AUTHORS people, as Mastodon 4.5 writes it."""
    name = f"resident{number % _AUTHORS}"
    at = datetime.fromtimestamp(1_760_000_000 + number, UTC).isoformat(timespec="milliseconds")
    author = _ACCOUNT | {
        "id": f"2{number % _AUTHORS:06}",
        "username": name,
        "acct": f"{name}@elsewhere.test",
        "display_name": f"Resident {number % _AUTHORS}",
        "url": f"http://elsewhere.test/@{name}",
    }
    return {
        "id": str(number),
        "type": "mention",
        "created_at": at,
        "group_key": f"ungrouped-{number}",
        "account": author,
        "status": {
            "id": str(10_000_000 + number),
            "created_at": at,
            "url": f"http://elsewhere.test/@{name}/{number}",
            "uri": f"http://elsewhere.test/users/{name}/statuses/{number}",
            "content": (
                '<p><span class="h-card"><a href="http://here.test/@council" class="u-url mention">'
                f"@<span>council</span></a></span> Report {number}: the lamp at Mill Lane is out "
                'again, see <a href="http://elsewhere.test/lamps">elsewhere.test/lamps</a></p>'
            ),
            "visibility": "public",
            "sensitive": False,
            "spoiler_text": "",
            "language": "en",
            "in_reply_to_id": None,
            "in_reply_to_account_id": None,
            "replies_count": 0,
            "reblogs_count": 0,
            "favourites_count": 0,
            "media_attachments": [],
            "mentions": [
                {
                    "id": "1001",
                    "username": "council",
                    "acct": "council",
                    "url": "http://here.test/@council",
                }
            ],
            "tags": [],
            "emojis": [],
            "account": author,
        },
    }


class Servers:
    """What all ports share: the ledger, who hangs, and the mentions."""

    def __init__(self, latency_s: float) -> None:
        self.latency_s = latency_s
        self.ledger: list[tuple[str, float, int]] = []
        """Text, time of acceptance (Unix), port."""
        self.hanging: set[int] = set()
        self.mentions: list[bytes] = []
        """Each as JSON, oldest first; every account on every port has the same."""
        self.asked_at = 0.0
        """When mentions were asked for first since there were more of them (Unix)."""

    def administer(self, path: str) -> Any:
        _, what, *rest = path.split("/")
        if what == "_ledger":
            return self.ledger
        if what == "_forget":
            self.ledger.clear()
            self.hanging.clear()
        elif what == "_hang":
            self.hanging.add(int(rest[0]))
        elif what == "_mentions":
            numbers = range(len(self.mentions) + 1, int(rest[0]) + 1)
            self.mentions += [json.dumps(mention(number)).encode() for number in numbers]
            self.asked_at = 0.0
        elif what == "_asked_at":
            return self.asked_at
        return {"hanging": sorted(self.hanging)}

    def page(self, path: str) -> bytes:
        """Notifications after `min_id`, newest first, as a JSON list."""
        asked = parse_qs(urlsplit(path).query)
        after, limit = (int(asked.get(name, ["0"])[0]) for name in ("min_id", "limit"))
        self.asked_at = self.asked_at or time.time()
        return b"[%s]" % b",".join(self.mentions[after : after + limit][::-1])


class Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length and one request at a time, which is what requests sends."""

    def __init__(self, servers: Servers, port: int) -> None:
        self._servers, self._port = servers, port
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(_END)
        if not end:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
        }
        if len(body) < int(headers.get("content-length", "0")):
            return
        self._received = b""
        method, path, _ = first.split(" ")
        if path.startswith("/_"):
            self._answer(self._servers.administer(path))
        elif self._port in self._servers.hanging:
            return
        elif method == "POST" and path == "/api/v1/statuses":
            text = parse_qs(body.decode())["status"][0]
            self._later(self._accept, text)
        elif path.startswith("/api/v1/notifications"):
            self._later(self._answer_with, self._servers.page(path))
        else:
            self._later(self._answer, [])

    def _later(self, act: Callable[[Any], None], about: Any) -> None:
        asyncio.get_running_loop().call_later(self._servers.latency_s, act, about)

    def _accept(self, text: str) -> None:
        ledger = self._servers.ledger
        ledger.append((text, time.time(), self._port))
        number = str(len(ledger))
        self._answer(
            {
                "id": number,
                "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "url": f"http://here.test/@council/{number}",
                "uri": f"http://here.test/users/council/statuses/{number}",
                "content": f"<p>{text}</p>",
                "visibility": "public",
                "sensitive": False,
                "spoiler_text": "",
                "language": "en",
                "replies_count": 0,
                "reblogs_count": 0,
                "favourites_count": 0,
                "media_attachments": [],
                "mentions": [],
                "tags": [],
                "emojis": [],
                "account": _ACCOUNT,
            }
        )

    def _answer(self, content: Any) -> None:
        self._answer_with(json.dumps(content).encode())

    def _answer_with(self, body: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        if not self._transport.is_closing():
            self._transport.write(head.encode() + _END + body)


async def serve(latency_s: float, count: int) -> None:
    """Serve on `count` free ports until the process is ended."""
    loop = asyncio.get_running_loop()
    servers = Servers(latency_s)
    for listening in [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]:
        port = listening.getsockname()[1]
        await loop.create_server(
            lambda port=port: Connection(servers, port), sock=listening, backlog=1024
        )
        print(port, flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(float(sys.argv[1]), int(sys.argv[2])))

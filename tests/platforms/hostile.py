"""Answers made to break an adapter, and a network of them in place of the sockets."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import requests
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from .server import Asked, FakeServer, Reply

ECHO = "echo-of-the-secret"
"""Where this stands in an answer, a server puts the secrets of whoever asks."""
REQUESTS_MAX = 400
"""More for one call of an adapter's would be a loop."""

ODD_TEXTS = (
    *(
        "",
        " ",
        "\x00",
        "\ud800",
        "\udfff\ud83d",
        "\u202e\u2066",
        "x" * 6_000,
        "é" * 300,
        "👩‍👩‍👧‍👦" * 40,
    ),
    *("NaN", "-1", "1e999", "٣", "²", "null", "true", "{}", "[]", "%00", "../..", "\r\nX-A: b"),
    *(
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-13-45T99:99:99Z",
        "2026-11-26",
    ),
    *("0000-00-00T00:00:00Z", "2026-11-26T10:00:00", "2026-W48-4T10:00:00Z", "1764147600"),
    *("http://[::1", "http://[", "https://a b/", "javascript:alert(1)", "//", "http://\ud800/"),
    *(
        "at://",
        "at://did:plc:x/app.bsky.feed.post/",
        "urn:li:share:",
        "did:plc:",
        "@",
        "_",
        "1_2_3",
    ),
    *("<p><a href='http://x.test'>", "<![CDATA[", "<!", "&#xD800;", "&#99999999999;", "</p>" * 50),
    *(ECHO, f"Bad token {ECHO}", f"https://api.test/?access_token={ECHO}"),
)
WORDS = (
    *("id", "data", "error", "errors", "message", "code", "type", "created_at", "text", "uri"),
    *("cid", "record", "author", "did", "handle", "status", "account", "acct", "content", "url"),
    *("notifications", "posts", "feed", "post", "thread", "parent", "replies", "cursor", "paging"),
    *("cursors", "after", "next", "meta", "includes", "users", "elements", "results", "value"),
    *("media", "images", "items", "username", "name", "from", "created_time", "timestamp", "urn"),
    *("error_subcode", "error_description", "access_token", "expires_in", "accessJwt", "paging"),
    *("refreshJwt", "processing_info", "state", "check_after_secs", "status_code", "permalink"),
    *("media_id_string", "upload_url", "uploadUrl", "image", "didDoc", "blob", "indexedAt", "more"),
)
RAW = (
    b"",
    b" ",
    b"null",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"[" * 900 + b"]" * 900,
    b"9" * 5_000,
    b'{"id": ' + b"9" * 5_000 + b"}",
    b"1e999",
    b"NaN",
    b'"\\ud800"',
    b"\xff\xfe\x00",
    b'{"id": "\xff\xc3"}',
    b"\xef\xbb\xbf{}",
    b'{"data": {"id": "1"',
    b"<!doctype html><title>502</title><h1>Bad gateway</h1>",
    b"<html>" + b"<div>" * 5_000,
    b"Invalid bearer token " + ECHO.encode(),
    b"true",
    b'""',
    b"0",
    b"\x00" * 100,
    gzip.compress(b'{"id": "1"}')[:-7],
    gzip.compress(b"{}"),
    gzip.compress(b" " * 3_000_000),
)
STATUSES = (
    *(200,) * 8,
    *(201, 202, 203, 204, 206, 300, 301, 302, 303, 304, 307, 308),
    *(400, 400, 401, 402, 403, 403, 404, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429, 429),
    *(451, 500, 500, 502, 503, 504, 520, 599, 600, 999),
)
HEADERS = {
    "Content-Type": ("text/html", "application/json; charset=utf-7", "charset=", "x/\xff", ""),
    "Content-Encoding": ("gzip", "deflate", "br", "gzip, gzip", "none"),
    "Content-Length": ("5", "99999", "-1", "x"),
    "Retry-After": ("-5", "1e999", "soon", "99999999999999", "Wed, 99 Nov 2026 10:00:00 GMT", "٣"),
    "RateLimit-Reset": ("9" * 30, "-1", "nan", "1"),
    "RateLimit-Remaining": ("many", "-1", "9" * 12),
    "X-RateLimit-Reset": ("2026-13-01", "9999-12-31T23:59:59-23:59", "x", ""),
    "X-Rate-Limit-Reset": ("9" * 12, "inf", "0"),
    "X-App-Usage": ("{", "[]", '{"call_count": "x"}', "null"),
    "X-Business-Use-Case-Usage": ('{"1": [{"estimated_time_to_regain_access": {}}]}', "7"),
    "Location": ("http://169.254.169.254/", "/", "http://[", "//", "file:///etc/passwd", "\xff"),
    "Link": ("<", '<http://x.test/?max_id=1>; rel="next"', ";;;,,,", "<http://[>; rel=next"),
    "Date": ("never", "Wed, 26 Nov 99999 10:00:00 GMT", ""),
    "x-restli-id": ("", "urn:li:share:", "\xff", ECHO),
    "DPoP-Nonce": ("x",),
    "WWW-Authenticate": ("Bearer error=invalid_token", ECHO),
    "Set-Cookie": ("a=b", ";;"),
    "Deprecation": ("true",),
}

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from(ODD_TEXTS)
    | st.text(max_size=12)
)
values = st.recursive(
    leaves,
    lambda below: (
        st.lists(below, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), below, max_size=5)
    ),
    max_leaves=10,
)
headers = st.lists(
    st.sampled_from(sorted((name, value) for name, all_ in HEADERS.items() for value in all_)),
    max_size=2,
).map(dict)


@dataclass(frozen=True)
class Answer:
    """One way to answer: raw bytes, JSON of any shape, or the true answer with a hole in it."""

    status: int
    headers: Mapping[str, str]
    raw: bytes | None = None
    value: Any = None
    into: tuple[int, ...] | None = None  # the way down into the true answer, to what is replaced
    takes: bool = False  # take out and put nothing in

    def reply(self, true: Callable[[], Reply], secret: str) -> Reply:
        if self.into is None:
            told = json.dumps(self.value).encode() if self.raw is None else self.raw
            return self._made(self.status, told, secret, {})
        done = true()
        told = json.dumps(_put(done.data, self.into, self.value, self.takes)).encode()
        return self._made(done.status, told, secret, done.headers)

    def _made(self, status: int, told: bytes, secret: str, more: Mapping[str, str]) -> Reply:
        ours = {name: value.replace(ECHO, secret) for name, value in self.headers.items()}
        return Reply(status, None, told.replace(ECHO.encode(), secret.encode()), {**more, **ours})


def _put(data: Any, way: tuple[int, ...], value: Any, takes: bool) -> Any:
    if not way or not isinstance(data, (dict, list)) or not data:
        return value
    keys = list(data) if isinstance(data, dict) else range(len(data))
    key = keys[way[0] % len(keys)]
    copy = dict(data) if isinstance(data, dict) else list(data)
    if takes and len(way) == 1:
        del copy[key]
    else:
        copy[key] = _put(data[key], way[1:], value, takes)
    return copy


ways = st.lists(st.integers(0, 30), max_size=7).map(tuple)
answers = st.one_of(
    st.builds(Answer, st.sampled_from(STATUSES), headers, raw=st.sampled_from(RAW)),
    st.builds(Answer, st.sampled_from(STATUSES), headers, value=values),
    st.builds(Answer, st.just(200), headers, value=values, into=ways, takes=st.booleans()),
    st.builds(Answer, st.just(200), st.just({}), value=leaves, into=ways),
)


@dataclass
class Wire:
    """Takes the place of the sockets: `before` true answers, then hostile ones in turn."""

    server: FakeServer
    secret: str
    hostile: tuple[Answer, ...]
    before: int
    asked: list[Asked] = field(default_factory=list)

    def send(
        self, adapter: HTTPAdapter, request: requests.PreparedRequest, **_: Any
    ) -> requests.Response:
        asked = _asked(request)
        self.asked.append(asked)
        assert len(self.asked) < REQUESTS_MAX, "it asks for ever"
        number = len(self.asked) - 1 - self.before
        if number < 0:
            reply = self.server.route(asked)
        else:
            one = self.hostile[number % len(self.hostile)]
            reply = one.reply(lambda: self.server.route(asked), self.secret)
        body = b"" if request.method == "HEAD" else reply.bytes()
        told = {"Content-Type": "application/json", **reply.headers}
        raw = HTTPResponse(
            body=io.BytesIO(body),
            headers=told,
            status=reply.status,
            preload_content=False,
            decode_content=False,
            request_method=request.method,
        )
        return adapter.build_response(request, raw)


def _asked(request: requests.PreparedRequest) -> Asked:
    body = request.body or b""
    if not isinstance(body, (bytes, str)):
        body = b"".join(iter(body)) if not hasattr(body, "read") else body.read()
    parts = urlsplit(request.url or "")
    return Asked(
        request.method or "",
        parts.path,
        parse_qs(parts.query, keep_blank_values=True),
        {name.lower(): str(value) for name, value in request.headers.items()},
        body.encode() if isinstance(body, str) else body,
    )


@contextmanager
def answering(wire: Wire) -> Iterator[None]:
    """Every request that the guard lets out is answered by `wire`; nobody waits."""

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **what: Any) -> Any:
        return wire.send(self, request, **what)

    with mock.patch.object(HTTPAdapter, "send", send), mock.patch("time.sleep"):
        yield

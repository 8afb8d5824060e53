"""Every way a server can fail, for every adapter: the right one of the four, and no secret told."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from platforms.contract import (
    AuthorisationLost,
    NetworkPolicy,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
    StepsInMemory,
)

from .server import FakeServer, Fault, Reply
from .worlds import TRIED, WORLDS, World

HTML = Reply(
    200, body=b"<!doctype html><title>Welcome</title>", headers={"Content-Type": "text/html"}
)
BIG = Reply(200, body=b'{"x":"' + b"a" * 10_000_000 + b'"}')
BOMB = Reply(
    200,
    body=gzip.compress(b'{"x":"' + b"a" * 50_000_000 + b'"}'),
    headers={"Content-Encoding": "gzip"},
)
CUT = Reply(200, body=b'{"id": "1", "uri": "at:')
SHORT = Reply(200, body=b'{"id": "1"', headers={"Content-Length": "500"})
EMPTY = Reply(200, body=b"")
NOTHING = Reply(200, data={})
ODD = Reply(200, data={"id": None, "uri": 7, "cid": [], "url": {}, "created_at": "yesterday"})
LIST = Reply(200, data=[1, None, "x"])
DEEP = Reply(200, body=b"[" * 100_000)
ERROR = {"error": "SomeError", "message": "Something about it"}

ANSWERS: dict[str, tuple[Fault, type[PlatformError], type[PlatformError]]] = {
    # fault, what a publish makes of it, what a poll makes of it
    "401": (Fault(Reply(401, ERROR)), AuthorisationLost, AuthorisationLost),
    "403": (Fault(Reply(403, ERROR)), Refused, Refused),
    "404": (Fault(Reply(404, ERROR)), Refused, Refused),
    "404 html": (Fault(Reply(404, body=b"<h1>404</h1>")), Refused, Refused),
    "408": (Fault(Reply(408, ERROR)), RetryLater, RetryLater),
    "413": (Fault(Reply(413, ERROR)), Refused, Refused),
    "422": (Fault(Reply(422, ERROR)), Refused, Refused),
    "429": (Fault(Reply(429, ERROR)), RetryLater, RetryLater),
    "429 html": (Fault(Reply(429, body=b"<h1>slow</h1>")), RetryLater, RetryLater),
    "500": (Fault(Reply(500, ERROR)), OutcomeUnknown, RetryLater),
    "502 html": (Fault(Reply(502, body=b"<h1>Bad gateway</h1>")), OutcomeUnknown, RetryLater),
    "503": (Fault(Reply(503, ERROR)), OutcomeUnknown, RetryLater),
    "504": (Fault(Reply(504, body=b"")), OutcomeUnknown, RetryLater),
    "599": (Fault(Reply(599, ERROR)), OutcomeUnknown, RetryLater),
    "html": (Fault(HTML), OutcomeUnknown, RetryLater),
    "empty": (Fault(EMPTY), OutcomeUnknown, RetryLater),
    "10 MB": (Fault(BIG), OutcomeUnknown, RetryLater),
    "gzip bomb": (Fault(BOMB), OutcomeUnknown, RetryLater),
    "cut JSON": (Fault(CUT), OutcomeUnknown, RetryLater),
    "short body": (Fault(SHORT, reset=False), OutcomeUnknown, RetryLater),
    "no fields": (Fault(NOTHING), OutcomeUnknown, RetryLater),
    "odd fields": (Fault(ODD), OutcomeUnknown, RetryLater),
    "deep": (Fault(DEEP), OutcomeUnknown, RetryLater),
    "reset": (Fault(reset=True), OutcomeUnknown, RetryLater),
    "hang": (Fault(NOTHING, hang_s=1.5), OutcomeUnknown, RetryLater),
    "drip": (Fault(BIG, drip_s=0.05), OutcomeUnknown, RetryLater),
    "303": (
        Fault(Reply(303, headers={"Location": "https://elsewhere.test/"})),
        OutcomeUnknown,
        Refused,
    ),
}


def publish(world: World) -> None:
    world.adapter().publish(world.outgoing("Hello."), steps=StepsInMemory())


def patience(world: World, name: str) -> NetworkPolicy:
    return world.impatient() if name in ("hang", "drip", "short body") else world.policy()


def told(error: BaseException) -> str:
    """All that could be told of an error, with everything that hangs on it."""
    parts = []
    seen: BaseException | None = error
    while seen is not None:
        parts += [repr(seen), str(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return " ".join(parts)


@pytest.fixture(params=[name for name in TRIED if name != "gotosocial"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Each network; GoToSocial goes wrong as Mastodon does, through the same adapter."""
    made = TRIED[request.param]()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def no_secret_is_told(caplog: pytest.LogCaptureFixture, world: World) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    for secret in world.secrets():
        assert secret not in caplog.text
    assert "Bearer" not in caplog.text


def check(world: World, error: PlatformError) -> None:
    text = told(error)
    assert not [secret for secret in world.secrets() if secret in text]
    assert error.__cause__ is None
    assert error.__context__ is None  # a library's error may hold the whole request
    assert error.message[0].isupper() or error.message[0].isdigit()
    assert error.message.endswith((".", "…", "•••")) or "It says:" in error.message
    assert len(error.message) < 500
    assert "<h1>" not in error.message


@pytest.mark.parametrize("name", list(ANSWERS))
def test_what_a_publish_makes_of_it(world: World, name: str) -> None:
    fault, expected, _ = ANSWERS[name]
    world.adapter().verify()
    with world.server.going_wrong(_at(fault, world.writes)), pytest.raises(expected) as caught:
        world.adapter(policy=patience(world, name)).publish(
            world.outgoing("Hello."), steps=StepsInMemory()
        )
    assert type(caught.value) is expected
    check(world, caught.value)
    assert world.posts() == []
    assert len([a for a in world.server.ledger if world.writes(a)]) <= 2  # never hammered


@pytest.mark.parametrize("name", list(ANSWERS))
def test_what_a_poll_makes_of_it(world: World, name: str) -> None:
    fault, _, expected = ANSWERS[name]
    world.adapter().verify()
    with world.server.going_wrong(_at(fault, world.reads)), pytest.raises(expected) as caught:
        world.adapter(policy=patience(world, name)).fetch_mentions("")
    assert type(caught.value) is expected
    check(world, caught.value)


def _at(fault: Fault, match: Any) -> Fault:
    return Fault(**{**vars(fault), "match": match})


@pytest.mark.parametrize("name", ["500", "html", "reset", "hang", "429", "401", "403"])
def test_what_a_delete_makes_of_it(world: World, name: str) -> None:
    fault, expected, _ = ANSWERS[name]
    published = world.adapter().publish(world.outgoing("Hello."), steps=StepsInMemory())
    with world.server.going_wrong(_at(fault, world.deletes)), pytest.raises(expected) as caught:
        world.adapter(policy=patience(world, name)).delete(published.remote_id)
    check(world, caught.value)


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "99999999"}, 86_400),
        ({"ratelimit-reset": "{epoch}"}, 90),
        ({"X-RateLimit-Reset": "{iso}"}, 90),
        ({"X-RateLimit-Reset": "{epoch}"}, 90),
        ({"X-Rate-Limit-Reset": "{epoch}"}, 90),
        ({"Retry-After": "{http}"}, 90),
        ({"X-RateLimit-Reset": "garbage", "X-RateLimit-Remaining": "x"}, None),
    ],
)
def test_how_long_to_wait(world: World, headers: dict[str, str], delay: float | None) -> None:
    at = datetime.now(UTC) + timedelta(seconds=90)
    filled = {
        name: value.format(
            epoch=int(at.timestamp()), iso=at.isoformat(), http=format_datetime(at, usegmt=True)
        )
        for name, value in headers.items()
    }
    fault = Fault(Reply(429, ERROR, headers=filled), match=world.writes)
    with world.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        publish(world)
    if delay is None:
        assert caught.value.delay_s is None
    else:
        assert caught.value.delay_s == pytest.approx(delay, abs=3)
    check(world, caught.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("where", ["inward", "port", "scheme", "file", "outside"])
def test_a_redirect_is_not_followed_with_credentials(world: World, status: int, where: str) -> None:
    other = FakeServer()
    targets = {
        "inward": "http://169.254.169.254/latest/meta-data/",
        "port": f"{other.url}/stolen",
        "scheme": world.server.url.replace("http:", "https:") + "/x",
        "file": "file:///etc/passwd",
        "outside": "https://elsewhere.test/x?token=1",
    }
    reply = Reply(status, headers={"Location": targets[where]})
    adapter = world.adapter(
        policy=world.policy(
            private_hosts=frozenset({world.server.private_host, other.private_host})
        )
    )
    adapter.verify()
    try:
        for match, call in (
            (
                world.writes,
                lambda: adapter.publish(world.outgoing("Hello."), steps=StepsInMemory()),
            ),
            (world.reads, lambda: adapter.fetch_mentions("")),
        ):
            fault = Fault(reply, match=match)
            with world.server.going_wrong(fault), pytest.raises(Refused) as caught:
                call()
            check(world, caught.value)
            assert "token=1" not in caught.value.message
        assert other.ledger == []
    finally:
        other.close()


def test_a_secret_in_the_servers_own_words_is_blanked_out(world: World) -> None:
    world.adapter().verify()
    for secret in world.secrets():
        for body in ({"error": "X", "message": f"bad {secret} here"}, {"error": f"no {secret}"}):
            fault = Fault(Reply(422, body), match=world.writes)
            with world.server.going_wrong(fault), pytest.raises(Refused) as caught:
                publish(world)
            check(world, caught.value)
            assert "•••" in caught.value.message or "message" not in body


def test_unknown_fields_do_no_harm(world: World) -> None:
    def more(data: Any) -> Any:
        if isinstance(data, list):
            return [more(item) for item in data]
        if isinstance(data, dict):
            return {**{k: more(v) for k, v in data.items()}, "xNew": {"a": [1]}, "$more": None}
        return data

    world.mention("Hello.")
    with world.server.going_wrong(Fault(change=more)):
        adapter = world.adapter()
        published = adapter.publish(world.outgoing("Hello."), steps=StepsInMemory())
        assert adapter.verify().remote_id == world.remote_id
        assert [item.text for item in adapter.fetch_mentions("").items] == ["Hello."]
        assert [p.remote_id for p in adapter.fetch_own_posts("").items] == [published.remote_id]


def test_one_broken_row_does_not_stop_the_rest(world: World) -> None:
    said = [world.mention(f"Number {number}") for number in range(3)]

    def broken(data: Any) -> Any:
        rows = (
            data
            if isinstance(data, list)
            else next(v for v in data.values() if isinstance(v, list))
        )
        rows[1] = {"id": rows[1].get("id", "x"), "indexedAt": 7, "status": {"content": None}}
        rows.append(None)
        rows.append("row")
        return data

    world.adapter().verify()
    with world.server.going_wrong(Fault(change=broken, match=world.reads)):
        batch = world.adapter().fetch_mentions("")
    assert [item.remote_id for item in batch.items] == [said[0], said[2]]


@pytest.mark.parametrize(
    "text", ["nul \0 byte", "half \ud83d pair", "bell \x07", "x" * 60_000, "\u202eesrever"]
)
def test_what_no_database_holds_is_cleaned(world: World, text: str) -> None:
    world.mention(text)
    (item,) = world.adapter().fetch_mentions("").items
    item.text.encode()
    assert "\0" not in item.text
    assert len(item.text) <= 20_000


def test_an_own_post_that_cannot_be_read_may_be_the_one_that_is_looked_for(
    unreadable: World,
) -> None:
    unreadable.post_elsewhere("Perhaps this one.")
    fault = Fault(change=_without_ids, match=lambda asked: asked.method == "GET")
    post = unreadable.outgoing("Hello.", ago=timedelta(hours=1))
    with unreadable.server.going_wrong(fault), pytest.raises(RetryLater) as caught:
        unreadable.adapter().find_published(post, since=post.created_at)
    assert caught.value.code == "unreadable"


@pytest.fixture(params=["facebook", "instagram", "threads", "linkedin"])
def unreadable(request: pytest.FixtureRequest) -> Iterator[World]:
    """Networks without a key of ours, whose own posts are looked through."""
    made = WORLDS[request.param]()
    yield made
    made.close()


def _without_ids(told: Any) -> Any:
    """The rows of a list, with nothing to tell them by."""
    return {
        name: [{**row, "id": None} for row in rows] if isinstance(rows, list) else rows
        for name, rows in told.items()
    }

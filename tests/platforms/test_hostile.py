"""Whatever a server answers: one of the four errors comes out, or a result that can be used.

And no secret in what is raised, logged or returned. `make test` tries few answers, `make
test-hostile` 10,000 for each adapter.
"""

from __future__ import annotations

import io
import itertools
import json
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import quote

import hypothesis
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter

from platforms.contract import (
    Adapter,
    Audience,
    Batch,
    Counted,
    Edits,
    Feature,
    Form,
    Incoming,
    Lapsing,
    Offers,
    OutcomeUnknown,
    Outgoing,
    OwnPost,
    Part,
    PlatformError,
    Poll,
    Prepares,
    Published,
    ReplyRef,
    StepsInMemory,
    Video,
)
from platforms.failures import Asker, Malformed

from .hostile import ECHO, REQUESTS_MAX, Answer, Wire, answering, answers
from .server import Asked
from .worlds import TRIED, WORLDS, World, picture, video

EXAMPLES = 10_000 if hypothesis.settings.default.max_examples > 1_000 else 25
RENEWED = 200
"""Examples after which a world is made anew: what true answers left in it makes it slow."""
AGO = datetime.now(UTC) - timedelta(minutes=2)
REF = ReplyRef("1", {"cid": "c", "root_uri": "u", "root_cid": "c"})
Call = Callable[[World, Adapter], Any]
_numbers = itertools.count()  # the same text again is refused by some

CALLS: dict[str, Call] = {
    "verify": lambda w, a: a.verify(),
    "limits": lambda w, a: a.limits(),
    "prepare": lambda w, a: _prepare(w, a, picture("One")),
    "publish": lambda w, a: _publish(w, a),
    "publish_picture": lambda w, a: _publish(w, a, picture("One"), picture("Two", seed=1)),
    "publish_reply": lambda w, a: _publish(w, a, reply_to=REF),
    "prepare_video": lambda w, a: _prepare_video(w, a),
    "find_thread": lambda w, a: _find_thread(w, a),
    "find_published": lambda w, a: a.find_published(w.outgoing("Hello."), since=AGO),
    "delete": lambda w, a: a.delete("1"),
    "fetch_mentions": lambda w, a: _twice(a.fetch_mentions),
    "fetch_own_posts": lambda w, a: _twice(a.fetch_own_posts),
    "search": lambda w, a: _twice(lambda cursor: a.search("#flood", cursor)),
    "search_words": lambda w, a: _twice(lambda cursor: a.search("flood", cursor)),
    "edit": lambda w, a: _edit(w, a),
    "edit_with_picture": lambda w, a: _edit(w, a, picture("One")),
    "hide": lambda w, a: a.hide("1"),
    "show": lambda w, a: a.show("1"),
    "remove": lambda w, a: a.remove("1"),
    "block": lambda w, a: a.block("1"),
    "unblock": lambda w, a: a.unblock("1"),
    "offered": lambda w, a: a.offered() if isinstance(a, Offers) else None,
}


READS = {
    *("verify", "limits", "prepare", "prepare_video", "find_published", "find_thread"),
    *("fetch_mentions", "fetch_own_posts", "search", "search_words", "offered"),
}
ALONG: dict[Feature, Callable[[World], dict[str, Any]]] = {
    Feature.THREAD: lambda w: {
        "parts": [Part(f"Two {next(_numbers)}."), Part(f"Three {next(_numbers)}.", [picture("3")])]
    },
    Feature.POLL: lambda w: {"poll": Poll(("Yes", "No"), 1_440)},
    Feature.QUOTE: lambda w: {"quote": w.post_elsewhere(f"Worth saying again {next(_numbers)}.")},
    Feature.LINK: lambda w: {"link": "https://example.org/road"},
    Feature.AUDIENCE: lambda w: {"audience": Audience.MENTIONED},
    Feature.FIRST_COMMENT: lambda w: {"first_comment": "See the map."},
    Feature.VIDEO: lambda w: {"video": clip(w)},
    Feature.REEL: lambda w: {"video": clip(w), "form": Form.REEL},
    Feature.STORY: lambda w: {"form": Form.STORY},
}
"""What goes along with a post, where the network has it."""


def _prepare(world: World, adapter: Adapter, *images: Any) -> None:
    if isinstance(adapter, Prepares):
        adapter.prepare(world.outgoing("Hello.", *images), steps=StepsInMemory())


def _edit(world: World, adapter: Adapter, *images: Any) -> None:
    """Of a post that is there."""
    if isinstance(adapter, Edits):
        post = world.post_elsewhere(f"The read is closed {next(_numbers)}.")
        adapter.edit(post, world.outgoing(f"The road is closed {next(_numbers)}.", *images))


def _publish(world: World, adapter: Adapter, *images: Any, **more: Any) -> Any:
    return _send(adapter, world.outgoing(f"Hello {next(_numbers)}.", *images, **more))


def _send(adapter: Adapter, post: Outgoing) -> tuple[Published, str]:
    steps = StepsInMemory()
    done = adapter.publish(post, steps=steps)
    return done, json.dumps(vars(steps))  # kept in the database


def with_along(world: World, feature: Feature) -> Outgoing:
    """A post with what this feature means, as this network takes it."""
    story = [picture("A blue light")] if feature is Feature.STORY else []
    post = world.outgoing("" if story else f"Hello {next(_numbers)}.", *story)
    along = ALONG[feature](world)
    return replace(post, **({"images": ()} if "video" in along else {}), **along)


def clip(world: World) -> Video:
    """A short video; where the network fetches it, it lies where a picture would."""
    made = video("The river", width=720, height=1_280)
    url = "https://desk.example.org/media/river.mp4"
    if world.info.limits.media_by_url:
        world.server.public[url] = made.data  # type: ignore[attr-defined]  # those that fetch
    return replace(made, url=url)


def _publish_along(feature: Feature, world: World, adapter: Adapter) -> Any:
    if feature in adapter.info.features:
        return _send(adapter, with_along(world, feature))
    return None


def _prepare_video(world: World, adapter: Adapter) -> None:
    if isinstance(adapter, Prepares) and Feature.VIDEO in adapter.info.features:
        adapter.prepare(with_along(world, Feature.VIDEO), steps=StepsInMemory())


def _find_thread(world: World, adapter: Adapter) -> Any:
    if Feature.THREAD in adapter.info.features:
        return adapter.find_published(with_along(world, Feature.THREAD), since=AGO)
    return None


def _twice(read: Callable[[str], Batch[Any]]) -> list[Batch[Any]]:
    first = read("")
    return [first, read(first.cursor)]


CALLS |= {f"publish_{one}": partial(_publish_along, one) for one in ALONG}


class Lines(logging.Handler):
    """All that is logged, as it would be written."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.written = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.written.write(f"{self.format(record)}\n")


@contextmanager
def logged() -> Iterator[Lines]:
    lines, root = Lines(), logging.getLogger()
    level = root.level
    root.addHandler(lines)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.setLevel(level)
        root.removeHandler(lines)


class Worlds:
    """A world of one kind, made anew now and then, with something in it to be read."""

    def __init__(self, kind: type[World]) -> None:
        self._kind = kind
        self._count = 0
        self._world: World | None = None

    def get(self) -> World:
        if self._world is None or self._count % RENEWED == 0:
            self.close()
            self._world = self._kind()
            self._world.mention("Is the road open?")
            post = self._world.post_elsewhere("The road is closed.")
            self._world.mention("Thank you", reply_to=post)
            self._world.stranger_posts("A #flood")
        self._count += 1
        self._world.kept.clear()
        return self._world

    def close(self) -> None:
        if self._world is not None:
            self._world.server.crashes.clear()
            self._world.close()


@pytest.fixture(scope="module", params=list(TRIED))
def worlds(request: pytest.FixtureRequest) -> Iterator[Worlds]:
    made = Worlds(TRIED[request.param])
    yield made
    made.close()


@pytest.mark.timeout(0)  # the long run takes minutes for each
@hypothesis.settings(
    max_examples=EXAMPLES,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@given(
    call=st.sampled_from(sorted(CALLS)),
    before=st.integers(0, 3),
    known=st.booleans(),
    hostile=st.lists(answers, min_size=1, max_size=3).map(tuple),
)
def test_a_hostile_answer_makes_one_of_the_four_errors_or_a_result(
    worlds: Worlds, call: str, before: int, known: bool, hostile: Any
) -> None:
    world = worlds.get()
    wire = Wire(world.server, longest(world), hostile, before)
    attempt(world, CALLS[call], wire, known=known, reads=call in READS)


def test_what_goes_along_is_sent_and_not_refused(worlds: Worlds) -> None:
    """By true answers, so that hostile ones meet all of its requests."""
    world = worlds.get()
    for feature in sorted(set(ALONG) & world.info.features):
        wire = Wire(world.server, longest(world), (), REQUESTS_MAX)
        with answering(wire):
            _publish_along(feature, world, world.adapter())
        assert any(asked.method in ("POST", "PUT") for asked in wire.asked), feature


def test_an_adapter_that_sorts_nothing_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asker, "ask", lambda self, call, **_: call())
    with mastodon(Answer(200, {}, raw=b"{}")) as (world, wire), pytest.raises(Malformed):
        attempt(world, CALLS["fetch_mentions"], wire)


def test_a_secret_in_an_error_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Asker, "redact", lambda self, text: text)
    hostile = Answer(400, {}, value={"error": f"Bad key {ECHO}"})
    with mastodon(hostile) as (world, wire), pytest.raises(AssertionError, match="is shown"):
        attempt(world, CALLS["verify"], wire)


def test_a_secret_in_the_log_is_caught() -> None:
    def call(world: World, adapter: Adapter) -> None:
        logging.getLogger("platforms.guard").debug("asked by %s", world.secret)

    with mastodon() as (world, wire), pytest.raises(AssertionError, match="is shown"):
        attempt(world, call, wire)


def test_an_adapter_that_asks_for_ever_is_caught() -> None:
    with mastodon() as (world, wire):
        wire.asked = [Asked("GET", "/", {}, {}, b"")] * REQUESTS_MAX
        with pytest.raises(AssertionError, match="asks for ever"):
            wire.send(HTTPAdapter(), requests.Request("GET", world.server.url).prepare())


def test_reading_that_leaves_its_outcome_open_is_caught() -> None:
    def call(world: World, adapter: Adapter) -> None:
        raise OutcomeUnknown("Who knows.")

    with mastodon() as (world, wire), pytest.raises(OutcomeUnknown):
        attempt(world, call, wire, reads=True)


@contextmanager
def mastodon(*hostile: Answer) -> Iterator[tuple[World, Wire]]:
    worlds = Worlds(WORLDS["mastodon"])
    try:
        world = worlds.get()
        yield world, Wire(world.server, longest(world), hostile, 0)
    finally:
        worlds.close()


def longest(world: World) -> str:
    return max(secrets_of(world), key=len)


def secrets_of(world: World) -> set[str]:
    return {secret for secret in (world.secret, *world.secrets()) if secret}


def attempt(
    world: World, call: Call, wire: Wire, *, known: bool = True, reads: bool = False
) -> None:
    """Do it; fails with anything but one of the four errors or a good result, and with a secret.

    Reading changes nothing, so `reads` allows three of the four: its outcome is never unknown.
    """
    secrets = secrets_of(world)
    seen = [""]
    with logged() as lines, answering(wire):
        adapter = world.adapter(known=known)
        try:
            result = call(world, adapter)
        except PlatformError as error:
            if reads and isinstance(error, OutcomeUnknown):
                raise
            seen += told_of(error)
        else:
            check(result)
            seen.append(repr(result))  # names, addresses and texts that are shown on our pages
        if isinstance(adapter, Counted):
            adapter.allowance()
        if isinstance(adapter, Lapsing):
            adapter.lapses_at()
        seen.append(repr(adapter))
    seen.append(lines.written.getvalue())
    for secret in secrets:
        for form in {secret, quote(secret, safe="")}:
            assert not any(form in text for text in seen), "a secret is shown"


def told_of(error: PlatformError) -> list[str]:
    """Everything in which an error may be shown; for people it needs words that can be stored."""
    assert error.message
    f"{error.message} {error.code}".encode()
    return [repr(error), error.message, error.code, "".join(traceback.format_exception(error))]


def check(result: Any) -> None:
    """That a result can be stored and shown: texts of UTF-8, aware times, cursors."""
    if isinstance(result, (list, tuple)):
        for one in result:
            check(one)
    elif isinstance(result, str):
        result.encode()
    elif isinstance(result, datetime):
        assert result.tzinfo is not None
        result.astimezone(UTC)
    elif is_dataclass(result) and not isinstance(result, type):
        for one in fields(result):
            check(getattr(result, one.name))
        if isinstance(result, Batch):
            assert isinstance(result.cursor, str)
            assert all(isinstance(item, (Incoming, OwnPost)) for item in result.items)
        for name in ("remote_id", "handle", "display_name", "text", "permalink", "thread_id"):
            assert isinstance(getattr(result, name, ""), str), name
    else:
        assert result is None or isinstance(result, (bool, int, float, dict, frozenset, bytes)), (
            result
        )

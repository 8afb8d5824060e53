"""The matrix bites: the naive engine sends twice or loses where ours does neither."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from socialdesk.launcher import programs

from .networks import Kind
from .world import Place, Process, World


@pytest.fixture
def naive(world: World, began: float, monkeypatch: pytest.MonkeyPatch):
    """A running worker of the control, started as ours are."""
    world.stop()
    monkeypatch.setenv("REDIS_URL", world.services.urls["REDIS_URL"])
    hosts = json.dumps([network.private_host for network in world.networks.values()])
    ours = {"socialdesk.celery:app": "tests.faults.naive:app"}
    words = [
        "--queues=naive" if word.startswith("--queues=") else ours.get(word, word)
        for word in programs.workers()["worker"]
    ]
    env = {**os.environ, "NAIVE_HOSTS": hosts}
    worker = Process("naive", words, env, world.folder / "naive.log")
    world.processes["naive"] = worker
    world.tend()
    from .naive import app, send

    with app.connection_for_write() as broker:

        def later(place: Place, text: str, in_s: float) -> None:
            network = place.network
            send.apply_async(
                (f"fault-{network.kind}", network.url, place.token, uuid4().hex, text),
                eta=datetime.now(UTC) + timedelta(seconds=in_s),
                connection=broker,
            )

        # Only a worker that is up holds what it is handed: the ETAs count from here.
        first = plan(later, [world.place(Kind.BARE)], "first", 1, 0.0)
        world.wait(lambda: there(world, first).total() > 0, 60, "the first post")
        yield later
    world.stop()


def there(world: World, texts: list[str]) -> Counter[str]:
    posts = (post.text for network in world.networks.values() for post in network.accepted)
    return Counter(text for text in posts if text in set(texts))


def plan(naive: Callable, places: list[Place], name: str, number: int, in_s: float) -> list[str]:
    texts = [f"naive {name} {n:04} {uuid4().hex[:8]}" for n in range(number)]
    for n, text in enumerate(texts):
        naive(places[n % len(places)], text, in_s)
    return texts


def test_the_naive_engine_sends_twice_on_faulty_networks(world: World, naive) -> None:
    """What was accepted before the answer was lost is sent again."""
    world.fault(0.7)
    texts = plan(naive, [world.place(Kind.BARE)], "faulty", 24, 1.0)
    world.wait(lambda: max(there(world, texts).values(), default=0) > 1, 60, "a duplicate")


def test_the_naive_engine_sends_twice_what_is_planned_ahead(world: World, naive) -> None:
    """An ETA past the visibility timeout is handed out again, though nothing went wrong."""
    texts = plan(naive, [world.place(Kind.BARE)], "planned", 20, 20.0)
    world.wait(lambda: max(there(world, texts).values(), default=0) > 1, 90, "a duplicate")


def test_the_naive_engine_loses_what_the_broker_forgets(world: World, naive) -> None:
    texts = plan(naive, world.places(5), "forgotten", 20, 12.0)
    # The worker holds what it was handed; when both die, as when a machine does, nobody knows.
    world.processes["naive"].kill()
    world.lose_broker()
    kept = plan(naive, [world.place(Kind.BARE)], "after", 1, 13.0)
    world.wait(lambda: there(world, kept).total() > 0, 60, "the post made later")
    assert there(world, texts).total() < len(texts)


def test_the_naive_engine_cannot_call_off_nor_notice_downtime(world: World, naive) -> None:
    """After days of downtime all goes out in a burst: nobody asks whether it is still wanted."""
    world.processes["naive"].stop()
    texts = plan(naive, [world.place(Kind.BARE)], "downtime", 20, -2 * 86_400)
    world.processes["naive"].due = time.monotonic()
    world.wait(lambda: len(there(world, texts)) == len(texts), 60, "the burst")

"""The kill matrix: what goes wrong, and around it what dies. The networks' ledgers decide."""

from __future__ import annotations

import os
import random
import time
import warnings
from collections.abc import Callable

import pytest

from scheduling.engine.points import Point
from scheduling.models import Delivery, HoldKind
from socialdesk.launcher import programs

from .app import BEAT_POINTS
from .networks import AMBIGUOUS, Kind
from .verdict import Result
from .world import RESUMED_S, World

CHANCE = 0.2
"""Of a fault, in the scenarios that are about something else."""
BUSY = 3
"""So many waiting for each processor: how long a worker takes to start says nothing of ours."""
pytestmark = [
    pytest.mark.usefixtures("world"),
    pytest.mark.filterwarnings("default:the machine is busy"),
]


def passed(result: Result) -> None:
    assert result.duplicates == []
    assert result.lost == []


def resumed(result: Result) -> None:
    """After each kill another post arrived soon, and what the dead had in hand moved on."""
    assert result.kills
    assert result.resumed_s is not None
    if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1):
        warnings.warn("the machine is busy: the times are shown, not judged", stacklevel=2)
        return
    assert result.resumed_s <= RESUMED_S
    assert (result.noticed_s or 0.0) <= RESUMED_S


def test_faulty_networks(world: World, began: float, scaled: Callable[[int], int]) -> None:
    """Every fault on every kind of network; tokens are revoked in mid-run. Nothing dies."""
    world.run()
    places = world.places(scaled(75))
    for hidden in places[-1::-10]:
        assert hidden.network.kind is Kind.BARE
        hidden.network.unreadable.add(hidden.account.remote_id)
    world.fault(0.7)
    sent = world.spread("faulty", places, every_s=0.1)
    world.wait(lambda: len(world.taken(sent)) > 10, 60, "it goes")
    revoked = [place for place in places if place.network.kind is not Kind.BARE][-20:]
    for place in revoked:
        place.network.revoke(place.token)
    world.wait(lambda: len(world.held(sent)) > len(revoked) / 2, 60, "what they send is held")
    for place in revoked:
        place.network.restore(place.token, place.account.remote_id)
    world.settle(sent)
    released = world.release(sent, HoldKind.AUTHORISATION)
    assert released
    world.settle(sent)
    result = world.verdict("faulty networks", sent, began)
    passed(result)
    injected = set().union(*(network.injected for network in world.networks.values()))
    assert injected >= set(AMBIGUOUS)
    assert result.faults > len(sent) / 2


def test_death_at_every_named_point(world: World, began: float, scaled) -> None:
    """A worker dies at each point of the path, the first or a later time it comes there."""
    plan = [f"{point}:{nth}" for nth in range(1, 1 + scaled(1)) for point in Point]
    random.Random(world.seed).shuffle(plan)
    wanted = len(plan)
    looks = [at for at in plan if at.startswith("look.")]
    world.run(plans=[at for at in plan if at not in looks], look_plans=looks)
    world.fault(0.3)
    sent: list[Delivery] = []
    deaths = len(world.kills) + wanted
    until = time.monotonic() + 240 * scaled(1)
    while len(world.kills) < deaths:
        assert time.monotonic() < until, f"only {world.kills} died of {plan}\n{world.last_words()}"
        sent += world.spread(f"points{len(sent)}", world.places(5))
        world.pass_time(1.0)
    world.settle(sent)
    result = world.verdict("death at every point", sent, began)
    passed(result)
    resumed(result)
    assert {note.split(" ")[0] for note in result.notes} == set(Point)


def test_workers_killed_at_random(world: World, began: float, scaled) -> None:
    """One worker or all of them, at any moment, by SIGKILL."""
    world.run()
    chosen = random.Random(world.seed)
    world.fault(0.5)
    sent = world.spread("random", world.places(scaled(60)), every_s=0.4)
    for _ in range(scaled(4)):
        world.pass_time(chosen.uniform(2.0, 5.0))
        world.kill(*chosen.choice([("publish-1",), ("publish-2",), tuple(programs.workers())]))
    world.settle(sent)
    result = world.verdict("workers killed at random", sent, began)
    passed(result)
    resumed(result)


def test_the_clocks_die_and_there_are_two(world: World, began: float, scaled) -> None:
    """Beat is killed at random and around a message; then two of them tick at once."""
    plan = [f"{point}:{nth}" for nth in (3, 5) for point in BEAT_POINTS]
    deaths = len(world.kills) + len(plan)
    world.run(clocks=2, beat_plans=plan)
    chosen = random.Random(world.seed)
    world.fault(CHANCE)
    sent = world.spread("clocks", world.places(scaled(60)), every_s=0.4)
    world.wait(lambda: len(world.kills) >= deaths, 60, "clocks die at their points")
    for _ in range(scaled(2)):
        world.pass_time(chosen.uniform(2.0, 6.0))
        world.kill("beat1", "beat2")
    world.settle(sent)
    result = world.verdict("clocks die, and two tick", sent, began)
    passed(result)
    resumed(result)
    assert {note.split(" ")[0] for note in result.notes} >= set(BEAT_POINTS)


def test_the_broker_dies_and_forgets(world: World, began: float, scaled) -> None:
    world.run()
    chosen = random.Random(world.seed)
    world.fault(CHANCE)
    sent = world.spread("broker", world.places(scaled(50)), every_s=0.4)
    for _ in range(scaled(2)):
        world.pass_time(chosen.uniform(3.0, 6.0))
        world.lose_broker()
    world.settle(sent)
    result = world.verdict("broker killed, memory lost", sent, began)
    passed(result)
    resumed(result)


def test_the_database_dies_and_cuts_connections(world: World, began: float, scaled) -> None:
    world.run()
    chosen = random.Random(world.seed)
    world.fault(CHANCE)
    sent = world.spread("database", world.places(scaled(60)), every_s=0.4)
    for _ in range(scaled(2)):
        world.pass_time(chosen.uniform(2.0, 4.0))
        world.crash_database()
        world.pass_time(chosen.uniform(2.0, 4.0))
        assert world.cut_connections()
    world.settle(sent)
    result = world.verdict("database crashed and cut", sent, began)
    passed(result)
    resumed(result)


def test_clocks_that_are_wrong_by_an_hour(world: World, began: float, scaled) -> None:
    """First those of all workers and beats leap, by Django's clock in these processes.

    Then everybody's, the database's too, by moving the times of the rows the other way.
    """
    world.run()
    world.fault(CHANCE)
    # One is due when it would be overdue by the wrong clock, the other when it would just be due.
    later = [world.schedule(world.place(Kind.BARE), f"later {s}", in_s=s) for s in (2400, 3550)]
    sent = world.spread("clock", world.places(scaled(50)), every_s=0.4)
    for wrong in (3600, 0, -3600, 0):
        world.pass_time(4.0)
        world.clock.write_text(str(wrong))
    world.settle(sent)
    assert not world.held(sent)  # nothing was taken for overdue
    assert not world.held(later)

    ahead = world.spread("ahead", world.places(scaled(10)), in_s=600)
    behind = world.spread("behind", world.places(scaled(10)), in_s=30)
    world.shift(ahead, hours=-1)
    world.shift(behind, hours=1)
    world.settle(ahead)
    assert not world.taken([*ahead, *behind, *later])
    assert len(world.release(ahead, HoldKind.OVERDUE)) == len(ahead)
    world.shift(behind, hours=-1)
    world.settle([*ahead, *behind])
    assert not world.taken(later)
    result = world.verdict("clock wrong by an hour", [*sent, *ahead, *behind], began)
    passed(result)


def test_days_of_downtime(world: World, began: float, scaled) -> None:
    """What fell due while nothing ran is held for a person; let go by one, it goes out once."""
    world.stop()
    sent = world.spread("downtime", world.places(scaled(20)))
    world.shift(sent, days=-2)
    world.run()
    world.settle(sent)
    assert len(world.held(sent)) == len(sent)
    assert not world.taken(sent)
    for delivery in world.held(sent):
        assert delivery.hold_kind == HoldKind.OVERDUE
    world.release(sent, HoldKind.OVERDUE)
    world.settle(sent)
    result = world.verdict("days of downtime", sent, began)
    passed(result)
    assert sorted(world.taken(sent)) == sorted(delivery.text for delivery in sent)

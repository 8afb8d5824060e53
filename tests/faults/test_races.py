"""People who call off, edit, hold, freeze, revoke and pause at the very moment of the claim."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from accounts.errors import Invalid
from accounts.services.grants import grant_end
from accounts.services.social import account_freeze
from audit.actions import NotAllowed
from scheduling.errors import Stale
from scheduling.models import Attempt, Delivery, HoldKind
from scheduling.services.deliveries import delivery_cancel, delivery_hold
from scheduling.services.pauses import pause_begin, pause_end
from scheduling.services.posts import post_edit, post_schedule, post_take_back
from scheduling.transitions import NoSuchMove
from tests.factories import person

from .networks import Kind
from .world import Place, World

UNDER_WAY_S = 1.0
"""What a worker was sending when rights went may arrive so much later; nothing may afterwards."""
TOO_LATE = (NoSuchMove, NotAllowed, Invalid, Stale)


@dataclass
class Act:
    """One person's act on one delivery, and when it was acknowledged (None: it came too late)."""

    name: str
    place: Place
    delivery: Delivery
    old_text: str
    acknowledged: float | None = None


def cancel(world: World, act: Act) -> None:
    delivery_cancel(actor=person(act.place.sender), delivery=act.delivery, reason="Wrong day")


def hold(world: World, act: Act) -> None:
    delivery_hold(actor=person(world.manager), delivery=act.delivery, reason="Wait")


def edit(world: World, act: Act) -> None:
    """Take it back, change it, send it on its way again: only the new words may go out."""
    actor = person(act.place.sender)
    post = post_take_back(actor=actor, post=act.delivery.post)
    act.acknowledged = time.time()
    due = timezone.now() + timedelta(seconds=2)
    post_edit(
        actor=actor,
        post=post,
        version=post.version,
        text=f"{act.old_text} edited",
        accounts=[act.place.account],
        due_at=due,
    )
    post_schedule(actor=actor, post=post)


def freeze(world: World, act: Act) -> None:
    account_freeze(actor=person(world.manager), account=act.place.account, reason="Order")


def revoke(world: World, act: Act) -> None:
    grant = act.place.account.grants.get(user=act.place.sender)
    grant_end(actor=person(world.manager), grant=grant)


def pause(world: World, act: Act) -> None:
    pause_begin(actor=person(world.manager), account=act.place.account, reason="Quiet, please")


ACTS = {
    "cancel": cancel,
    "edit": edit,
    "hold": hold,
    "freeze": freeze,
    "revoke": revoke,
    "pause": pause,
}


def perform(world: World, act: Act, at: float) -> None:
    """Do it at this moment, in a thread of its own, as a request would."""
    time.sleep(max(0.0, at - time.time()))
    try:
        ACTS[act.name](world, act)
        act.acknowledged = act.acknowledged or time.time()
    except TOO_LATE:
        pass
    finally:
        connection.close()


def test_nothing_is_sent_after_it_was_called_off(
    world: World, began: float, scaled: Callable[[int], int]
) -> None:
    world.run()
    chosen = random.Random(world.seed)
    world.fault(0.2)
    acts, moments = [], []
    start = time.time() + 0.2 * len(ACTS) * scaled(8)
    for number in range(scaled(8) * len(ACTS)):
        name = list(ACTS)[number % len(ACTS)]
        place = world.place(chosen.choice(list(Kind)))
        due = start + number * 0.3
        text = f"race {name} {number:04}"
        delivery = world.schedule(place, text, in_s=due - time.time())
        acts.append(Act(name, place, delivery, text))
        moments.append(due + chosen.uniform(-0.3, 0.2))
    with ThreadPoolExecutor(8) as people:
        done = [
            people.submit(perform, world, act, at) for act, at in zip(acts, moments, strict=True)
        ]
        world.wait(lambda: all(one.done() for one in done), 120, "people are done")
        [one.result() for one in done]
    deliveries = [act.delivery for act in acts]
    world.settle(deliveries)
    result = world.verdict("people race the claim", deliveries, began)
    assert result.duplicates == []
    ledger = {
        post.text: post.at for network in world.networks.values() for post in network.accepted
    }
    rows = {row.pk: row for row in Delivery.objects.select_related("post", "account")}
    for act in acts:
        sent = ledger.get(act.old_text)
        if act.acknowledged is None:  # it came too late, and was refused: then it is out, once
            assert sent or world.stands(rows[act.delivery.pk]), act
        elif act.name in ("cancel", "hold"):
            assert sent is None, act
        elif act.name == "edit":
            assert sent is None, act
            assert ledger.get(f"{act.old_text} edited") or world.stands(rows[act.delivery.pk]), act
        else:
            assert sent is None or sent < act.acknowledged + UNDER_WAY_S, act
    stopped = [act for act in acts if act.acknowledged]
    assert {act.name for act in stopped} == set(ACTS)
    assert any(act.acknowledged is None for act in acts)


def test_nothing_begins_once_everything_is_held(
    world: World, began: float, scaled: Callable[[int], int]
) -> None:
    """The whole desk is held in the midst of a stream of posts, with faults about."""
    world.fault(0.2)
    world.run()
    deliveries = world.spread("hold everything", world.places(scaled(40)), every_s=0.25)
    some = len(deliveries) // 4
    world.wait(lambda: len(world.taken(deliveries)) >= some, 60, "some went out")

    standing = pause_begin(actor=person(world.manager), reason="A person is at risk")
    acknowledged = time.time()
    attempted = set(Attempt.objects.values_list("pk", flat=True))  # all that will be until the end
    world.settle(deliveries)
    held = [row for row in world.held(deliveries) if row.hold_kind == HoldKind.PAUSED]
    assert held
    assert set(Attempt.objects.values_list("pk", flat=True)) == attempted
    sent = [post for network in world.networks.values() for post in network.accepted]
    assert max(post.at for post in sent) < acknowledged + UNDER_WAY_S

    pause_end(actor=person(world.manager), pause=standing)
    before = len(world.taken(deliveries))
    time.sleep(3)  # several ticks, that find nothing they may send
    assert len(world.taken(deliveries)) == before
    world.fault(0.0)
    assert len(world.release(deliveries, HoldKind.PAUSED)) == len(held)
    world.settle(deliveries)
    result = world.verdict("everything is held", deliveries, began)
    assert result.duplicates == []
    assert result.lost == []

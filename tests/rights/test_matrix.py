"""Every address, by every method, asked by everybody about their own and about others' things.

What has to come of it is in socialdesk/access.py; what to send, in fillings.py. An address that
either does not know fails here. `make test` asks as those of ORDINARY, `make test-matrix` as all
others.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts.levels import Capability
from accounts.models import User
from audit.actions import REFUSED as REFUSED_EVENT
from socialdesk.access import ADDRESSES, Address
from tests.acceptance.site import addresses
from tests.rights.asking import (
    CLOSED,
    HIDDEN,
    IN,
    REFUSED,
    SIGN_IN,
    Answer,
    ask,
    expected,
    remember,
)
from tests.rights.fillings import FILLINGS, Fill
from tests.rights.world import OWN, Persona, Side, World

pytestmark = pytest.mark.usefixtures("db")

READINGS = {"record.read", "record.export_began", "record.exported", "record.proof_given"}
OTHER_METHODS = ("HEAD", "PUT", "PATCH", "DELETE")
ORDINARY = {
    *("anonymous", "no grant", "viewer", "contributor", "publisher", "approver", "manager"),
    *("administrator", "auditor", "frozen person"),
}


@pytest.fixture(scope="module", autouse=True)
def _as_it_was(world: World) -> None:
    remember()


def test_no_address_is_unknown():
    known = {name.partition(" ")[0] for name in ADDRESSES}
    assert known == addresses() | {"gallery"}, "add it to socialdesk/access.py, or take it out"
    assert set(FILLINGS) == set(ADDRESSES), "say in tests/rights/fillings.py what it is sent"


@pytest.mark.parametrize("ordinary", [True, pytest.param(False, marks=pytest.mark.matrix)])
@pytest.mark.parametrize("name", [n for n in ADDRESSES if n != "gallery"])
def test_who_may_at_this_address(world, name, ordinary):
    address = ADDRESSES[name]
    asking = [one for one in world.personas.values() if (one.key in ORDINARY) is ordinary]
    wrong = [
        f"{persona.key}, {method} on the {side.key} account: {fault}"
        for side in _sides(world, address)
        for persona in asking
        for method, answer, fill in _answers(world, persona, name, address, side)
        for fault in _faults(world, persona, address, side, method, answer, fill)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", [n for n in ADDRESSES if n != "gallery"])
def test_other_methods_are_not_taken(world, name):
    address = ADDRESSES[name]
    fill = FILLINGS[name](world, world.sides["own"])
    library = name.partition("_")[0] in ("account", "mfa")
    for method in OTHER_METHODS:
        if method in address.methods or library:
            continue
        answer = ask(world, world.personas["manager"], name, method, fill)
        assert answer.status == 405, method
        assert not answer.changed
        assert not answer.events
        visitor = ask(world, world.personas["anonymous"], name, method, fill)
        assert visitor.status == (405 if address.needs.open_to_all else 302), method


def _sides(world: World, address: Address) -> list[Side]:
    about_one = bool(address.needs.on)
    return list(world.sides.values()) if about_one else [world.sides["own"]]


def _answers(
    world: World, persona: Persona, name: str, address: Address, side: Side
) -> Iterator[tuple[str, Answer, Fill]]:
    fill = FILLINGS[name](world, side)
    for method in ("GET", "POST"):
        if method not in address.methods and side.key != "own":
            continue  # it is not taken, whatever it is about
        yield method, ask(world, persona, name, method, fill), fill
    for query in fill.parts:
        yield "GET", ask(world, persona, name, "GET", fill, query=query, htmx=True), fill


def _faults(
    world: World,
    persona: Persona,
    address: Address,
    side: Side,
    method: str,
    answer: Answer,
    fill: Fill,
) -> Iterator[str]:
    yield from _leaks(world, persona, answer)
    if answer.status >= 500:
        yield f"answered {answer.status}"
    verdict = expected(address.needs, persona, side)
    if verdict == SIGN_IN:
        if (answer.status, answer.location.partition("?")[0]) != (302, "/auth/sign-in/"):
            yield f"is not led to signing in: {answer.status} {answer.location}"
    elif verdict == CLOSED:
        if (answer.status, answer.location) != (302, "/auth/closed/"):
            yield f"is not stopped: {answer.status} {answer.location}"
    elif method not in address.methods:
        if answer.status != 405:
            yield f"{answer.status} instead of 405"
    elif verdict == IN:
        yield from _let_in(persona, address, side, method, answer, fill)
        return
    else:
        yield from _refused(persona, method, answer, fill, verdict)
        return
    if answer.changed:
        yield f"changed {answer.wrote}"


def _let_in(
    persona: Persona, address: Address, side: Side, method: str, answer: Answer, fill: Fill
) -> Iterator[str]:
    wanted = fill.answers if method in ("GET", "HEAD") else fill.done
    if answer.status not in wanted and not (method == "POST" and answer.status == 422):
        yield f"answered {answer.status} {answer.location}, not {wanted}"
    if any(event.name == REFUSED_EVENT for event in answer.events):
        yield f"was let in and refused: {answer.events[0].data}"
    if method == "GET" and address.methods != ("GET", "HEAD", "POST"):
        if answer.changed:
            yield f"changed {answer.wrote} by looking"
        if said := {event.name for event in answer.events} - READINGS:
            yield f"looking was an act: {said}"
    if method == "POST" and address.changes and side.key == fill.acts_on:
        yield from _one_act(persona, answer)
    if address.methods == ("POST",) and not address.changes and answer.events:
        yield f"asking was an act: {answer.events}"


def _one_act(persona: Persona, answer: Answer) -> Iterator[str]:
    """Exactly one act on record, by who asked; what followed from it is its workers'."""
    if not answer.changed:
        yield f"nothing was changed: {answer.status} {answer.body[:300]}"
    if len({event.act for event in answer.events}) != 1:
        yield f"not one act: {[(e.name, e.actor_label) for e in answer.events]}"
        return
    by = {(event.actor_kind, event.actor_id) for event in answer.events}
    if ("person", persona.me.pk) not in by or {kind for kind, _ in by} - {"person", "worker"}:
        yield f"not their act: {by}"


def _refused(
    persona: Persona, method: str, answer: Answer, fill: Fill, verdict: str
) -> Iterator[str]:
    status = {HIDDEN: 404, REFUSED: 403}[verdict]
    if method == "POST" and fill.refused:
        status = fill.refused
    if answer.status != status:
        yield f"{answer.status} {answer.location} instead of {status}"
    if answer.changed:
        yield f"was refused, and changed {answer.wrote}"
    on_record = [(event.name, event.actor_id) for event in answer.events]
    wanted = [] if status == 422 else [(REFUSED_EVENT, persona.me.pk)]
    if on_record != wanted:
        yield f"on record is {on_record}, not {wanted}"


def _leaks(world: World, persona: Persona, answer: Answer) -> Iterator[str]:
    for side in world.sides.values():
        held = persona.held(side, OWN) if persona.signed_in else frozenset()
        if side.words in answer.body and Capability.VIEW not in held:
            yield f"read the words on the {side.key} account"
        if side.name in answer.body and not held:
            yield f"read the name of the {side.key} account"


def test_the_people_of_the_matrix_are_who_they_are_called(world):
    """The world itself: rights that it says are gone are gone, and those it gives are there."""
    assert len(world.personas) == 18
    assert set(world.personas) > ORDINARY
    assert not world.personas["person who left"].user.is_active
    frozen = User.objects.get(pk=world.personas["frozen person"].user.pk)
    assert frozen.is_frozen

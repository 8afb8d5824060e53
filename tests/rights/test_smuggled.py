"""Ids of another account's things in a query or a body, where the address itself is one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from accounts.levels import Level
from audit.actions import REFUSED
from tests.rights.asking import Answer, ask, remember
from tests.rights.fillings import FILLINGS, Fill
from tests.rights.world import World

pytestmark = pytest.mark.usefixtures("db")

PEOPLE = (*Level, "approver by team", "no grant", "manager, revoked while signed in")
READINGS = {"record.read", "record.export_began", "record.exported", "record.proof_given"}

Smuggled = Callable[[World], Mapping[str, Any]]

IN_QUERY: tuple[tuple[str, Smuggled], ...] = (
    ("my_day", lambda w: {"account": w.sides["other"].account.pk}),
    ("search", lambda w: {"q": "Words-on"}),
    ("accounts:register", lambda w: {"q": "Name-of"}),
    ("scheduling:calendar", lambda w: {"account": w.sides["other"].account.pk}),
    ("scheduling:calendar", lambda w: {"account": w.sides["other"].account.pk, "view": "list"}),
    ("scheduling:compose", lambda w: {"account": w.sides["other"].account.pk}),
    ("scheduling:story", lambda w: {"account": w.sides["other"].account.pk}),
    ("scheduling:post", lambda w: {"account": w.sides["other"].account.pk}),
    ("mentions:inbox", lambda w: {"account": w.sides["other"].account.pk}),
    ("mentions:inbox", lambda w: {"assignee": w.sides["other"].writer.pk}),
    ("mentions:inbox", lambda w: {"q": "Words-on"}),
    ("mentions:live", lambda w: {"account": w.sides["other"].account.pk}),
    ("mentions:live", lambda w: {"open": w.sides["other"].conversation.pk, "list": "x"}),
    ("mentions:conversation", lambda w: {"to": w.sides["other"].mention.pk}),
    ("mentions:conversation", lambda w: {"account": w.sides["other"].account.pk}),
    ("mentions:earlier", lambda w: {}),
    ("mentions:assignees", lambda w: {"name": "Writer of other"}),
    ("audit:record", lambda w: {"account": w.sides["other"].account.pk}),
    ("audit:record", lambda w: {"post": w.sides["other"].deliveries["draft"].post_id}),
    ("audit:record", lambda w: {"who": w.sides["other"].writer.pk}),
    ("audit:record", lambda w: {"text": "Words-on"}),
    ("audit:export", lambda w: {"account": w.sides["other"].account.pk}),
    ("audit:export", lambda w: {"post": w.sides["other"].deliveries["draft"].post_id}),
    ("audit:people", lambda w: {"who": "Writer of other"}),
)


@pytest.mark.parametrize(("name", "smuggled"), IN_QUERY)
def test_a_query_opens_nothing_that_is_not_theirs(world, name, smuggled):
    remember()
    other = world.sides["other"]
    for key in PEOPLE:
        persona = world.personas[key]
        fill = replace(FILLINGS[name](world, world.sides["own"]), query=smuggled(world))
        for htmx in (False, True):
            answer = ask(world, persona, name, "GET", fill, htmx=htmx)
            assert answer.status < 500, key
            assert other.words not in answer.body, key
            assert other.name not in answer.body, key
            assert not answer.changed, key
            assert {e.name for e in answer.events} <= READINGS | {REFUSED}, key


def _post(data: Smuggled, **at: Callable[[World], Any]) -> Callable[[World], Fill]:
    return lambda w: Fill({k: make(w) for k, make in at.items()}, data(w))


def _account(w: World) -> int:
    return w.sides["own"].account.pk


def _talk(w: World) -> int:
    return w.sides["own"].conversation.pk


def _composed(w: World, **more: Any) -> dict[str, Any]:
    return {"accounts": [_account(w)], "text": "Good morning", "draft": "1", **more}


IN_BODY: tuple[tuple[str, Callable[[World], Fill]], ...] = (
    *(
        (f"scheduling:compose_{step}", _post(data))
        for step in ("save", "send")
        for data in (
            lambda w: _composed(w, accounts=[w.sides["other"].account.pk]),
            lambda w: _composed(w, accounts=[_account(w), w.sides["other"].account.pk]),
            lambda w: _composed(w, post=w.sides["other"].deliveries["draft"].post_id, version=1),
            lambda w: _composed(w, media=w.sides["other"].media.pk),
        )
    ),
    (
        "accounts:end_grant",
        _post(
            lambda w: {"reason": "x"},
            account_id=_account,
            grant_id=lambda w: w.sides["other"].grant.pk,
        ),
    ),
    (
        "mentions:reply",
        _post(
            lambda w: {"text": "x", "to": w.sides["other"].mention.pk, "answered": 0},
            conversation_id=_talk,
        ),
    ),
    (
        "mentions:assign",
        _post(lambda w: {"assignee": w.sides["other"].writer.pk}, conversation_id=_talk),
    ),
    (
        "mentions:assign_to",
        _post(lambda w: {}, conversation_id=_talk, user_id=lambda w: w.sides["other"].writer.pk),
    ),
    (
        "scheduling:approval_decide approve",
        _post(
            lambda w: {"decision": "approve", "content_hash": "0" * 64},
            delivery_id=lambda w: w.sides["own"].deliveries["in_review"].pk,
        ),
    ),
)


@pytest.mark.parametrize(("name", "filled"), IN_BODY)
def test_a_body_changes_nothing_that_is_not_theirs(world, name, filled):
    remember()
    other = world.sides["other"]
    for key in PEOPLE:
        answer = ask(world, world.personas[key], name, "POST", filled(world))
        assert answer.status in {302, 403, 404, 422}, key
        _nothing_was_done(answer, key)
        assert other.words not in answer.body, key
        assert other.name not in answer.body, key


def _nothing_was_done(answer: Answer, key: str) -> None:
    assert not answer.changed, (key, answer.wrote)
    assert {event.name for event in answer.events} <= {REFUSED}, key


def test_nobody_gives_themselves_a_level_or_a_role(world):
    remember()
    for key in ("manager", "administrator"):
        persona, own = world.personas[key], world.sides["own"]
        data = {"holder": f"user:{persona.user.pk}", "level": "manager", "reason": "because"}
        fill = Fill({"account_id": own.account.pk}, data)
        answer = ask(world, persona, "accounts:give", "POST", fill)
        assert answer.status == 422
        _nothing_was_done(answer, key)
    administrator = world.personas["administrator"]
    at = {"person_id": administrator.user.pk}
    data = {"roles": ["is_administrator", "is_auditor"]}
    answer = ask(world, administrator, "people:roles", "POST", Fill(at, data))
    assert answer.status == 422
    _nothing_was_done(answer, "administrator")


def test_a_post_on_two_accounts_shows_and_gives_away_only_ones_own_part(world):
    """Seen by its part that is theirs, changed by nobody who may not write on all of it."""
    own, other = world.sides["own"], world.sides["other"]
    delivery = other.deliveries["draft"]
    type(delivery).objects.create(post=own.deliveries["draft"].post, account=other.account)
    remember()
    shared = {"post_id": own.deliveries["draft"].post_id}
    for key in ("contributor", "manager"):
        persona = world.personas[key]
        for name in ("scheduling:post", "scheduling:story"):
            seen = ask(world, persona, name, "GET", Fill(shared))
            assert seen.status == 200
            assert other.name not in seen.body
        assert ask(world, persona, "scheduling:compose_edit", "GET", Fill(shared)).status == 404
        for name in ("scheduling:post_cancel", "scheduling:post_take_back"):
            answer = ask(world, persona, name, "POST", Fill(shared, {"reason": "x"}))
            assert answer.status == 404
            _nothing_was_done(answer, key)
            assert [event.name for event in answer.events] == [REFUSED]

"""Tokens that are renewed: by one at a time, as the same account, and never asked for in doubt."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from platforms import keeping, oauth
from platforms.contract import (
    Adapter,
    AppCredentials,
    AuthorisationLost,
    Connection,
    PlatformError,
    RetryLater,
    StepsInMemory,
)
from platforms.keeping import Keeper, Kept, kept, standing
from platforms.registry import open_adapter

from .server import Asked, Fault, Reply
from .world import World
from .worlds import LinkedInWorld, ThreadsWorld, XWorld


class Turns:
    """One stored session, and who asked."""

    def __init__(self) -> None:
        self.session, self.in_doubt, self.asked = "", False, 0
        self.kept: list[str] = []

    def asking(self) -> None:
        self.asked += 1

    def keep(self, session: str) -> None:
        self.session = session
        self.kept.append(session)

    @contextmanager
    def take(self) -> Iterator[Any]:
        yield self


@pytest.fixture
def world() -> Iterator[XWorld]:
    made = XWorld()
    yield made
    made.close()


def ends_in(world: XWorld, seconds: float) -> str:
    told = json.loads(world.fake.secret)
    told["expires_at"] = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
    return json.dumps(told)


def keeper(world: XWorld, turns: Turns, seconds: float = 20, **more: Any) -> Keeper:
    connection = Connection(
        handle=world.handle,
        base_url=world.server.url,
        secret=more.pop("secret", None) or ends_in(world, seconds),
        remote_id=world.remote_id,
        session=turns.session,
        turns=turns.take,
    )
    return Keeper("x", replace(connection, **more), world.policy(), lambda _session: None)


def test_what_somebody_else_fetched_meanwhile_is_used(world: XWorld) -> None:
    turns, secret = Turns(), ends_in(world, 20)
    one, other = (keeper(world, turns, secret=secret) for _ in range(2))
    one.renew()
    other.renew()
    assert world.fake.renewals == turns.asked == 1
    assert one.tokens == other.tokens
    assert one.tokens.access_token == world.fake.access


def test_fresh_tokens_are_kept_before_it_is_asked_whose_they_are(world: XWorld) -> None:
    turns, secret = Turns(), ends_in(world, 20)
    with (
        world.server.going_wrong(Fault(Reply(503, {}), match=lambda a: a.path == "/2/users/me")),
        pytest.raises(RetryLater),
    ):
        keeper(world, turns, secret=secret).renew()
    stored = kept(secret, turns.session)
    assert stored.unproven is not None
    assert stored.unproven.refresh_token == world.fake.refresh
    assert stored.tokens == kept(secret, "").tokens  # and those before are used meanwhile
    again = keeper(world, turns, secret=secret)
    again.renew()
    assert world.fake.renewals == turns.asked == 1
    assert again.tokens == stored.unproven
    assert kept(secret, turns.session) == Kept(stored.unproven)


def test_tokens_of_another_account_are_not_taken(world: XWorld) -> None:
    turns, secret = Turns(), ends_in(world, 20)
    before = kept(secret, "").tokens
    mine = keeper(world, turns, secret=secret, remote_id="999")
    with pytest.raises(AuthorisationLost, match="belong to") as caught:
        mine.renew()
    assert caught.value.code == "another_account"
    assert mine.tokens == before
    assert kept(secret, turns.session) == Kept(before)


def test_in_doubt_nothing_is_asked_until_the_end_and_then_once(world: XWorld) -> None:
    turns = Turns()
    turns.in_doubt = True
    with pytest.raises(RetryLater, match="Nobody knows"):
        keeper(world, turns, 3_600).renew()
    assert turns.asked == 0
    mine = keeper(world, turns, 3_600)
    mine.freshen(7_200)  # goes on with what is good
    assert mine.tokens.access_token == world.fake.access
    keeper(world, turns, 30).renew()
    assert turns.asked == world.fake.renewals == 1


def test_in_doubt_a_token_that_is_not_taken_any_more_is_renewed(world: XWorld) -> None:
    turns = Turns()
    turns.in_doubt = True
    keeper(world, turns, 3_600).renew(refused=True)
    assert turns.asked == 1


@pytest.mark.parametrize("seconds", [30, -30])
def test_what_cannot_be_renewed_is_used_to_its_end(world: XWorld, seconds: int) -> None:
    mine = keeper(world, Turns(), seconds)
    world.fake.refresh = "another"
    if seconds > 0:
        mine.freshen(60)
        return
    with pytest.raises(AuthorisationLost):
        mine.freshen(60)


@pytest.mark.parametrize("reply", [Reply(503, {}), Reply(400, {"error": "invalid_grant"})])
def test_no_failure_holds_a_secret_or_what_it_came_from(world: XWorld, reply: Reply) -> None:
    mine = keeper(world, Turns())
    with world.server.going_wrong(Fault(reply)), pytest.raises(PlatformError) as caught:
        mine.renew()
    assert caught.value.__context__ is None
    assert not [secret for secret in mine.secrets() if secret in str(caught.value)]


def test_fresh_tokens_are_never_renewed_to_see_whose_they_are(world: XWorld) -> None:
    world.fake.expires_in = 5  # within what an adapter renews ahead
    turns = Turns()
    keeper(world, turns).renew()
    assert world.fake.renewals == 1
    assert oauth.load(json.loads(turns.session)["tokens"]).refresh_token == world.fake.refresh


def test_an_adapter_takes_its_turn(world: XWorld) -> None:
    turns = Turns()
    connection = Connection("", world.server.url, ends_in(world, 20), world.remote_id)
    adapter = open_adapter(
        "x",
        replace(connection, turns=turns.take),
        network=world.policy(),
        remember=lambda _session: pytest.fail("past the turn"),
    )
    adapter.verify()
    assert turns.asked == 1


# --- how long tokens are good ---------------------------------------------------------------------

NOW = datetime.now(UTC)


def half(key: str, tokens: oauth.Tokens, app: AppCredentials | None = None) -> timedelta | None:
    at = standing(key, app, tokens.dump(), "").renew_at
    return at and timedelta(hours=round((at - NOW) / timedelta(hours=1)))


@pytest.mark.parametrize(
    ("key", "tokens", "after"),
    [
        ("x", oauth.Tokens("a", "r", NOW + timedelta(hours=2)), timedelta(hours=1)),
        ("x", oauth.Tokens("a", "r"), timedelta(hours=1)),
        ("x", oauth.Tokens("a", "", NOW + timedelta(hours=2)), None),
        ("threads", oauth.Tokens("a", "", NOW + timedelta(days=60)), timedelta(days=30)),
        ("threads", oauth.Tokens("pasted"), timedelta(hours=25)),
        ("linkedin", oauth.Tokens("a", "r", NOW + timedelta(days=60)), timedelta(days=30)),
        ("linkedin", oauth.Tokens("a", "", NOW + timedelta(days=60)), None),
        ("facebook", oauth.Tokens("a"), None),
        ("bluesky", oauth.Tokens("a"), None),
        ("threads", oauth.Tokens("a", "", NOW - timedelta(days=1)), timedelta(0)),
    ],
)
def test_tokens_are_renewed_at_half_time(
    key: str, tokens: oauth.Tokens, after: timedelta | None
) -> None:
    assert half(key, tokens) == after


def test_keys_are_not_renewed() -> None:
    keys = json.dumps({"api_key": "a", "access_token": "b"})
    assert keeping.standing("x", None, keys, "").renew_at is None


# --- a token that the platform takes no more ------------------------------------------------------


@pytest.fixture(params=[LinkedInWorld, ThreadsWorld, XWorld])
def renewed(request: Any) -> Iterator[World]:
    """A network whose tokens are renewed."""
    made = request.param()
    yield made
    made.close()


def lasting(world: World, turns: Turns) -> Adapter:
    known: Any = getattr(world.server, "app", world.server)
    app = AppCredentials(getattr(known, "client_id", "id"), known.client_secret)
    secret, where = world.lasting_secret, world.server.url
    return open_adapter(
        world.key,
        Connection(world.handle, where, secret, world.remote_id, app=app, turns=turns.take),
        network=world.policy(),
        remember=lambda _session: pytest.fail("past the turn"),
    )


def by_token(asked: Asked) -> bool:
    """Is it asked by an account's token?"""
    return "oauth" not in asked.path and "access_token" not in asked.path


def test_the_very_same_request_is_sent_once_more_with_another_token(renewed: World) -> None:
    turns = Turns()
    adapter = lasting(renewed, turns)
    published = adapter.publish(renewed.outgoing("Hello."), steps=StepsInMemory())
    refusal = Fault(Reply(401, {}), match=by_token, times=1)
    with renewed.server.going_wrong(refusal):
        adapter.delete(published.remote_id)
    assert renewed.posts() == []
    assert turns.asked == 1
    first, second = (a for a in renewed.server.ledger if renewed.deletes(a))
    assert (first.path, first.query, first.body) == (second.path, second.query, second.body)
    before, after = dict(first.headers), dict(second.headers)
    assert before.pop("authorization") != after.pop("authorization")
    assert before == after


def test_what_is_refused_however_fresh_is_lost(renewed: World) -> None:
    """Not even the look at whose the fresh tokens are renews them again."""
    turns = Turns()
    with (
        renewed.server.going_wrong(Fault(Reply(401, {}), match=by_token)),
        pytest.raises(AuthorisationLost),
    ):
        lasting(renewed, turns).publish(renewed.outgoing("Hello."), steps=StepsInMemory())
    assert turns.asked == 1
    assert renewed.posts() == []


@pytest.mark.parametrize("status", [400, 403, 404])
def test_what_cannot_be_renewed_is_lost(renewed: World, status: int) -> None:
    """Whatever the platform's words: a person has to connect the account anew."""
    there = Fault(Reply(status, {"error": "no"}), match=lambda asked: not by_token(asked))
    away = Fault(Reply(401, {}), match=renewed.writes)
    with (
        renewed.server.going_wrong(there),
        renewed.server.going_wrong(away),
        pytest.raises(AuthorisationLost) as caught,
    ):
        lasting(renewed, Turns()).publish(renewed.outgoing("Hello."), steps=StepsInMemory())
    assert caught.value.__context__ is None
    assert renewed.posts() == []


def test_a_renewal_that_does_not_come_about_now_is_tried_later(renewed: World) -> None:
    there = Fault(Reply(503, {}), match=lambda asked: not by_token(asked))
    away = Fault(Reply(401, {}), match=renewed.writes, times=1)
    post, turns = renewed.outgoing("Hello."), Turns()
    with (
        renewed.server.going_wrong(there),
        renewed.server.going_wrong(away),
        pytest.raises(RetryLater),
    ):
        lasting(renewed, turns).publish(post, steps=StepsInMemory())
    assert renewed.posts() == []
    lasting(renewed, turns).publish(post, steps=StepsInMemory())
    assert len(renewed.posts()) == 1


def test_a_post_is_not_sent_again_for_anything_else(renewed: World) -> None:
    turns = Turns()
    for status in (402, 403, 500):
        fault = Fault(Reply(status, {}), match=renewed.writes)
        with renewed.server.going_wrong(fault), pytest.raises(PlatformError):
            lasting(renewed, turns).publish(renewed.outgoing("Hello."), steps=StepsInMemory())
    assert turns.asked == 0
    assert len([asked for asked in renewed.server.ledger if renewed.writes(asked)]) == 3


def test_tokens_that_are_only_looked_at_are_not_renewed(renewed: World) -> None:
    known: Any = getattr(renewed.server, "app", renewed.server)
    app = AppCredentials(getattr(known, "client_id", "id"), known.client_secret)
    with (
        renewed.server.going_wrong(Fault(Reply(401, {}), match=by_token, times=1)),
        pytest.raises(AuthorisationLost),
    ):
        oauth.identity(
            renewed.key,
            oauth.load(renewed.lasting_secret),
            network=renewed.policy(),
            base_url=renewed.server.url,
            app=app,
        )
    assert all(by_token(asked) for asked in renewed.server.ledger)

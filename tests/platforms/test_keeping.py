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
    AppCredentials,
    AuthorisationLost,
    Connection,
    PlatformError,
    RetryLater,
)
from platforms.keeping import Keeper, Kept, kept, standing
from platforms.registry import open_adapter

from .server import Fault, Reply
from .worlds import XWorld


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

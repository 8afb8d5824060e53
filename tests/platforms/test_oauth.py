"""Agreeing in the browser, as data and functions; against X's token server of one's own."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from platforms import oauth
from platforms.contract import (
    AppCredentials,
    AuthorisationLost,
    OutcomeUnknown,
    Refused,
    RetryLater,
)
from platforms.registry import platform_info, platform_keys

from .server import Fault, Reply
from .worlds import XWorld


@pytest.fixture
def world() -> Iterator[XWorld]:
    made = XWorld()
    yield made
    made.close()


def app(world: XWorld) -> AppCredentials:
    return AppCredentials(world.fake.client_id, world.fake.client_secret)


def test_the_verifier_is_challenged_as_rfc_7636_has_it() -> None:
    of = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert oauth.challenge(of) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
    assert len(oauth.verifier()) >= 43
    assert oauth.verifier() != oauth.verifier()


@pytest.mark.parametrize("key", platform_keys())
def test_where_a_person_is_sent(key: str) -> None:
    declared = platform_info(key).oauth
    if declared is not None and declared.by_document:
        return  # as its servers say; see test_bluesky_oauth
    if declared is None:
        with pytest.raises(Refused):
            oauth.declared(key)
        return
    made = oauth.authorise_url(
        key,
        AppCredentials("id of the app", "canary"),
        redirect_uri="https://desk.example.org/back/",
        state="st&te",
        verifier="v" * 43,
        base_url="https://social.example.org" if key == "mastodon" else "",
    )
    parts = urlsplit(made)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert parts.scheme == "https"
    assert query["client_id"] == "id of the app"
    assert query["state"] == "st&te"
    assert query["redirect_uri"] == "https://desk.example.org/back/"
    assert query["scope"].split(declared.separator) == list(declared.scopes)
    assert ("code_challenge" in query) == declared.pkce
    assert "canary" not in made
    assert "v" * 43 not in made


def test_pkce_is_not_forgotten() -> None:
    with pytest.raises(ValueError, match="verifier"):
        oauth.authorise_url("x", AppCredentials("id"), redirect_uri="https://d/", state="s")


def test_a_code_becomes_tokens_and_these_an_identity(world: XWorld, caplog: Any) -> None:
    caplog.set_level(logging.DEBUG)
    tokens = oauth.exchange(
        "x",
        app(world),
        code="canary-code-5b81",
        redirect_uri="https://desk.example.org/back/",
        verifier="v" * 43,
        network=world.policy(),
        base_url=world.server.url,
    )
    form = world.server.ledger[-1].form()
    assert form["code_verifier"] == ["v" * 43]
    assert "client_secret" not in form  # it goes in the header
    assert tokens.expires_at is not None
    assert timedelta(hours=1) < tokens.expires_at - datetime.now(UTC) < timedelta(hours=3)
    assert "tweet.write" in tokens.scopes
    who = oauth.identity("x", tokens, network=world.policy(), base_url=world.server.url)
    assert who.handle == "council"
    (one,) = oauth.offered("x", tokens, network=world.policy(), base_url=world.server.url)
    assert (one.platform, one.identity.handle) == ("x", "council")
    for secret in world.secrets():
        assert secret not in caplog.text
        assert secret not in repr(tokens) + repr(one)


def test_tokens_survive_being_sealed() -> None:
    tokens = oauth.Tokens("a", "r", datetime.now(UTC).replace(microsecond=0), ("one", "two"))
    assert oauth.load(tokens.dump()) == tokens
    assert oauth.load("just a token") == oauth.Tokens("just a token")
    assert oauth.load("[1]").access_token == "[1]"
    assert oauth.load(json.dumps({"access_token": "a", "expires_at": "soon"})).expires_at is None


def test_tokens_are_renewed_and_given_back(world: XWorld) -> None:
    tokens = oauth.load(world.secret)
    where: Any = {"network": world.policy(), "base_url": world.server.url}
    fresh = oauth.refresh("x", app(world), tokens, **where)
    assert fresh.access_token != tokens.access_token
    assert fresh.refresh_token == world.fake.refresh
    with pytest.raises(AuthorisationLost):  # a refresh token is good once
        oauth.refresh("x", app(world), tokens, **where)
    assert oauth.revoke("x", app(world), fresh, **where)
    with pytest.raises(AuthorisationLost):
        oauth.refresh("x", app(world), fresh, **where)


def test_a_renewal_that_brings_no_refresh_token_keeps_the_old_one(world: XWorld) -> None:
    tokens = oauth.load(world.secret)
    reply = Reply(200, {"access_token": "new", "expires_in": 60})
    with world.server.going_wrong(Fault(reply)):
        fresh = oauth.refresh(
            "x", app(world), tokens, network=world.policy(), base_url=world.server.url
        )
    assert (fresh.access_token, fresh.refresh_token) == ("new", tokens.refresh_token)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        # It may have renewed them all the same, and the refresh token was good once.
        (Reply(503, {}), OutcomeUnknown),
        (Reply(200, body=b"<html>"), OutcomeUnknown),
        (Reply(200, {"token": 1}), OutcomeUnknown),
        (Reply(429, {}), RetryLater),
        (Reply(400, {"error": "invalid_grant"}), AuthorisationLost),
        (Reply(401, {"error": "invalid_client"}), AuthorisationLost),
    ],
)
def test_a_token_server_that_fails(world: XWorld, reply: Reply, error: type[Exception]) -> None:
    tokens = oauth.load(world.secret)
    with world.server.going_wrong(Fault(reply)), pytest.raises(error) as caught:
        oauth.refresh("x", app(world), tokens, network=world.policy(), base_url=world.server.url)
    assert not [secret for secret in world.secrets() if secret in str(caught.value)]

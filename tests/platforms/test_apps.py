"""What platforms say of an app's id and secret, and registering with servers that take any app."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from platforms.apps import Standing, app_register, app_test
from platforms.contract import AppCredentials, Refused, RetryLater
from platforms.registry import platform_info, platform_keys

from .server import Fault, Reply
from .world import World
from .worlds import WORLDS

BY_APP = ["facebook", "linkedin", "mastodon", "threads", "x"]


def app_of(world: World) -> AppCredentials:
    known: Any = getattr(world.server, "app", world.server)
    return AppCredentials(getattr(known, "client_id", "id"), known.client_secret)


@pytest.fixture(params=BY_APP)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = WORLDS[request.param]()
    yield made
    made.close()


def told(world: World, app: AppCredentials) -> Any:
    return app_test(
        world.key,
        app,
        redirect_uri="https://desk.example.org/back/",
        network=world.policy(),
        base_url=world.server.url,
    )


def test_an_app_that_is_known(world: World) -> None:
    assert told(world, app_of(world)).standing is Standing.KNOWN


def test_a_wrong_secret(world: World) -> None:
    answer = told(world, replace(app_of(world), client_secret="canary-wrong"))
    assert answer.standing is Standing.WRONG
    assert "canary" not in answer.words


@pytest.mark.parametrize(
    "reply", [Reply(503, {}), Reply(429, {}), Reply(200, body=b"<html>"), Reply(200, {})]
)
def test_a_platform_that_says_nothing_proves_nothing(world: World, reply: Reply) -> None:
    with world.server.going_wrong(Fault(reply)):
        answer = told(world, app_of(world))
    assert answer.standing is Standing.OPEN
    assert "could not be asked" in answer.words


@pytest.mark.parametrize(
    ("platform", "secret", "error", "standing"),
    [
        ("x", "s3cret", "invalid_request", Standing.KNOWN),  # by its header
        ("x", "", "invalid_request", Standing.OPEN),  # anybody can name a public app
        ("x", "s3cret", "unauthorized_client", Standing.WRONG),
        ("linkedin", "s3cret", "invalid_request", Standing.OPEN),
        ("linkedin", "s3cret", "invalid_client_id", Standing.WRONG),
    ],
)
def test_what_an_answer_to_a_made_up_code_means(
    platform: str, secret: str, error: str, standing: Standing
) -> None:
    world = WORLDS[platform]()
    with world.server.going_wrong(Fault(Reply(400, {"error": error}))):
        assert told(world, AppCredentials("id", secret)).standing is standing
    world.close()


@pytest.mark.parametrize("key", platform_keys())
def test_every_platform_says_where_its_app_comes_from(key: str) -> None:
    oauth = platform_info(key).oauth
    if oauth is None or oauth.by_itself:
        return
    assert oauth.console.startswith("https://")
    assert oauth.app_help
    assert oauth.review
    assert oauth.id_label
    assert oauth.secret_label


def registered(world: World) -> AppCredentials:
    return app_register(
        "mastodon",
        base_url=world.server.url,
        redirect_uri="https://desk.example.org/back/",
        name="Socialdesk",
        website="https://desk.example.org",
        network=world.policy(),
    )


def test_the_desk_registers_itself_with_any_mastodon_server() -> None:
    world = WORLDS["mastodon"]()
    assert registered(world) == app_of(world)
    (asked,) = world.server.asked_for("/api/v1/apps", "POST")
    assert asked.form()["client_name"] == ["Socialdesk"]
    for reply, error in (
        (Reply(503, {}), RetryLater),
        (Reply(200, {"client_id": "1"}), RetryLater),
        (Reply(200, []), RetryLater),
        (Reply(422, {"error": "No"}), Refused),
    ):
        with world.server.going_wrong(Fault(reply)), pytest.raises(error):
            registered(world)
    world.close()


def test_it_does_not_with_platforms_that_want_a_person_to() -> None:
    world = WORLDS["x"]()
    with pytest.raises(Refused, match="A person has to"):
        app_register(
            "x",
            base_url=world.server.url,
            redirect_uri="https://desk.example.org/back/",
            name="Socialdesk",
            website="",
            network=world.policy(),
        )
    world.close()

"""Networks with one address each, and how all that is asked of them is sent elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from platforms.hosts import API_HOSTS, api_base
from platforms.registry import platform_info

from .worlds import WORLDS, World


@pytest.fixture(params=list(API_HOSTS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    made = WORLDS[request.param]()
    yield made
    made.close()


def test_a_variable_sends_all_requests_elsewhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, own = API_HOSTS[world.key]
    assert platform_info(world.key).default_base_url == own
    monkeypatch.setenv(variable, f"{world.server.url}/")
    adapter = world.adapter(base_url=own)
    assert adapter.verify().remote_id == world.remote_id
    adapter.fetch_mentions("")
    assert len(world.server.ledger) >= 2


def test_without_it_the_network_itself_is_asked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable, own = API_HOSTS[world.key]
    monkeypatch.delenv(variable, raising=False)
    assert api_base(world.key, own) == own
    assert api_base(world.key, f"{own}/") == own
    monkeypatch.setenv(variable, "https://gateway.example.org")
    assert api_base(world.key, own) == "https://gateway.example.org"
    assert api_base(world.key, "https://other.example.org") == "https://other.example.org"

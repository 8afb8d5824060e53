"""The way to a platform and back, as a person's browser goes it, against the local fakes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from django.urls import reverse

from accounts.services.apps import app_set
from platforms.hosts import API_HOSTS
from platforms.oauth import app_platform
from tests.factories import COMMAND
from tests.platforms.server import KnownApp
from tests.platforms.world import World
from tests.platforms.worlds import WORLDS

CODE = KnownApp.code


@contextmanager
def network(key: str, settings: Any, monkeypatch: Any, *, app: bool = True) -> Iterator[World]:
    """A fake of the network, and the desk's app there where one has to be set up."""
    made = WORLDS[key]()
    settings.ALLOW_PRIVATE_HOSTS = frozenset({made.server.private_host})
    if key in API_HOSTS:
        monkeypatch.setenv(API_HOSTS[key][0], made.server.url)
        if app:
            id_, secret = app_of(made)
            whose = app_platform(key)
            app_set(actor=COMMAND, platform=whose, client_id=id_, client_secret=secret)
    yield made
    made.close()


def app_of(world: World) -> tuple[str, str]:
    known: Any = getattr(world.server, "app", world.server)
    return getattr(known, "client_id", KnownApp.client_id), known.client_secret


def secrets_of(world: World) -> list[str]:
    """Everything that must never be seen: tokens, the code, the app's secret."""
    issued = getattr(world.server, "issued", [])
    return [*world.secrets(), *issued, app_of(world)[1], CODE]


def begin(client: Client, world: World) -> dict[str, str]:
    """Ask to connect; what the address at the platform says."""
    server = {"base_url": world.server.url} if world.info.asks_base_url else {}
    key = app_platform(world.key)
    answer = client.post(reverse("accounts:connect_begin", args=[key]), server)
    return said(answer)


def said(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.content.decode()
    parts = urlsplit(answer.context["address"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return query | {"at": f"{parts.scheme}://{parts.netloc}{parts.path}"}


def come_back(client: Client, key: str, **query: str) -> Any:
    return client.get(reverse("accounts:connect_back", args=[app_platform(key)]), query)


def choose(client: Client, address: str, *numbers: int, owner: str, **changed: Any) -> Any:
    """Connect what has these numbers, as the page would send it."""
    data: dict[str, Any] = {}
    for number, row in enumerate(client.get(address).context["rows"]):
        data |= {f"a{number}-owner": owner, f"a{number}-time_zone": "Europe/London"}
        assert row
    data |= {f"a{number}-chosen": "on" for number in numbers}
    return client.post(address, data | changed)

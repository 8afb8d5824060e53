"""The way to a platform and back, as a person's browser goes it, against the local fakes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.test import Client
from django.urls import reverse

from accounts.models import PlatformApp
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
    if key == "bluesky":
        settings.BASE_URL = "https://desk.example.org"  # servers have to be able to read there
        for name in ("PLC_BASE_URL", "BLUESKY_HANDLES_BASE_URL"):
            monkeypatch.setenv(name, made.server.url)
    if key in API_HOSTS:
        monkeypatch.setenv(API_HOSTS[key][0], made.server.url)
        if app:
            id_, secret = app_of(made)
            whose = app_platform(key)
            app_set(actor=COMMAND, platform=whose, client_id=id_, client_secret=secret)
    yield made
    made.close()


def app_of(world: World) -> tuple[str, str]:
    if world.key == "bluesky":  # no server gave it anything
        app = PlatformApp.objects.get(platform="bluesky")
        return app.client_id, app.client_secret
    known: Any = getattr(world.server, "app", world.server)
    return getattr(known, "client_id", KnownApp.client_id), known.client_secret


def secrets_of(world: World) -> list[str]:
    """Everything that must never be seen: tokens, the code, the app's secret."""
    server: Any = world.server
    issued = getattr(getattr(server, "sign_in", server), "issued", [])
    return [*world.secrets(), *issued, app_of(world)[1], CODE]


def begin(client: Client, world: World) -> dict[str, str]:
    """Ask to connect; what the address at the platform says."""
    where = {"base_url": world.server.url} if world.info.asks_base_url else {}
    if world.key == "bluesky":  # the server is found by whose account it is
        where = {"who": world.handle}
    address = reverse("accounts:connect_begin", args=[app_platform(world.key)])
    return said(client.post(address, where), world)


def said(answer: Any, world: World | None = None) -> dict[str, str]:
    """What the address says, and what was said to the server ahead of it."""
    assert answer.status_code == 200, answer.content.decode()
    parts = urlsplit(answer.context["address"])
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    server: Any = world.server if world is not None else None
    ahead = server.sign_in.pushed[-1] if hasattr(server, "sign_in") else {}
    return {**ahead, **query, "at": f"{parts.scheme}://{parts.netloc}{parts.path}"}


def come_back(client: Client, key: str, **query: str) -> Any:
    if key == "bluesky":  # its servers say whose answer it is
        query.setdefault("iss", os.environ["PLC_BASE_URL"])
    return client.get(reverse("accounts:connect_back", args=[app_platform(key)]), query)


def choose(client: Client, address: str, *numbers: int, owner: str, **changed: Any) -> Any:
    """Connect what has these numbers, as the page would send it."""
    data: dict[str, Any] = {}
    for number, row in enumerate(client.get(address).context["rows"]):
        data |= {f"a{number}-owner": owner, f"a{number}-time_zone": "Europe/London"}
        assert row
    data |= {f"a{number}-chosen": "on" for number in numbers}
    return client.post(address, data | changed)

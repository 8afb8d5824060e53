"""Where the networks with one address each are reached, and how their clients are sent elsewhere.

The client libraries have their hosts built in. `SentOn` carries what is meant for one of these
hosts to the connection's server instead: before the request is prepared, so that a signature made
of the address (OAuth 1.0a) is made of the right one.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import requests

from platforms.contract import NetworkPolicy
from platforms.guard import GuardedSession

API_HOSTS: Mapping[str, tuple[str, str]] = {
    "x": ("X_API_BASE_URL", "https://api.x.com"),
    "facebook": ("GRAPH_API_BASE_URL", "https://graph.facebook.com"),
    "instagram": ("GRAPH_API_BASE_URL", "https://graph.facebook.com"),
    "threads": ("THREADS_API_BASE_URL", "https://graph.threads.net"),
    "linkedin": ("LINKEDIN_API_BASE_URL", "https://api.linkedin.com"),
}
"""The variable that names another server for a network's API, and the network's own."""

BLUESKY_HOSTS: Mapping[str, tuple[str, str]] = {
    "directory": ("PLC_BASE_URL", "https://plc.directory"),
    "handles": ("BLUESKY_HANDLES_BASE_URL", "https://public.api.bsky.app"),
}
"""The same for what is asked where a Bluesky account lives: its document, and whose a handle is."""


def own_host(platform: str) -> str:
    """The network's own API server, which accounts are connected by; '' where there are many."""
    return API_HOSTS.get(platform, ("", ""))[1]


def api_base(platform: str, base_url: str) -> str:
    """Where requests of an account at `base_url` go: elsewhere when the environment says so.

    Read at each opening, so that it holds for accounts that were connected before.
    """
    variable, own = API_HOSTS.get(platform, ("", ""))
    if base_url.rstrip("/") != own:
        return base_url.rstrip("/")
    return (os.environ.get(variable, "") or own).rstrip("/")


class SentOn(GuardedSession):
    """A guarded session that asks `base` what a library asks one of `hosts`.

    `hosts` are addresses without a path; what follows them is kept.
    """

    def __init__(self, policy: NetworkPolicy, hosts: tuple[str, ...], base: str) -> None:
        super().__init__(policy)
        self._hosts = hosts
        self._base = base

    def request(  # type: ignore[override]  # requests declares each of a dozen parameters
        self, method: str, url: str, **kwargs: Any
    ) -> requests.Response:
        for host in self._hosts:
            if url.startswith(f"{host}/"):
                url = self._base + url[len(host) :]
        return super().request(method, url, **kwargs)

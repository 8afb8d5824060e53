"""Which platforms there are. A module is imported when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from threading import RLock

from platforms.contract import Adapter, Connection, NetworkPolicy, PlatformInfo, Remember

ADAPTERS: dict[str, str] = {
    "bluesky": "platforms.bluesky:BlueskyAdapter",
    "facebook": "platforms.facebook_page:FacebookAdapter",
    "instagram": "platforms.instagram:InstagramAdapter",
    "linkedin": "platforms.linkedin:LinkedInAdapter",
    "mastodon": "platforms.mastodon:MastodonAdapter",
    "sandbox": "platforms.sandbox:SandboxAdapter",
    "threads": "platforms.threads:ThreadsAdapter",
    "x": "platforms.x:XAdapter",
}
_importing = RLock()


class UnknownPlatform(KeyError):
    """No platform has this key."""


@cache
def adapter_class(key: str) -> type[Adapter]:
    """The adapter of platform `key`; raises UnknownPlatform."""
    try:
        module, name = ADAPTERS[key].split(":")
    except KeyError:
        raise UnknownPlatform(key) from None
    # One at a time: of two threads that import at once, Python may show one a half-made module.
    with _importing:
        found: type[Adapter] = getattr(import_module(module), name)
    return found


def platform_info(key: str) -> PlatformInfo:
    """What is declared of platform `key`; raises UnknownPlatform."""
    return adapter_class(key).info


def platform_keys() -> list[str]:
    return list(ADAPTERS)


def warm_up() -> None:
    """Import every adapter now: some libraries take seconds, and a first post should not wait."""
    for key in ADAPTERS:
        adapter_class(key)


def open_adapter(
    key: str, connection: Connection, *, network: NetworkPolicy, remember: Remember
) -> Adapter:
    """An adapter for one account; raises UnknownPlatform. Nothing is sent yet."""
    return adapter_class(key)(connection, network=network, remember=remember)

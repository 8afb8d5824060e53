"""Which platforms there are. A module is imported when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from threading import RLock

from platforms import plugins
from platforms.contract import (
    Adapter,
    Connection,
    Limits,
    NetworkPolicy,
    PlatformInfo,
    Remember,
    TextUnit,
)

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
"""Our own. Further ones are installed as packages (see `platforms.plugins`)."""
_importing = RLock()


class UnknownPlatform(KeyError):
    """No platform has this key."""


@cache
def adapter_class(key: str) -> type[Adapter]:
    """The adapter of platform `key`; raises UnknownPlatform."""
    if key not in ADAPTERS:
        return _installed(key)
    module, name = ADAPTERS[key].split(":")
    # One at a time: of two threads that import at once, Python may show one a half-made module.
    with _importing:
        found: type[Adapter] = getattr(import_module(module), name)
    return found


def _installed(key: str) -> type[Adapter]:
    try:
        return _plugins().adapters[key]
    except KeyError:
        raise UnknownPlatform(key) from None


@cache
def _plugins() -> plugins.Found:
    with _importing:
        return plugins.find(ADAPTERS)


def plugin_problems() -> tuple[plugins.Problem, ...]:
    """What is installed as a platform and cannot be one."""
    return _plugins().problems


def platform_info(key: str) -> PlatformInfo:
    """What is declared of platform `key`; raises UnknownPlatform."""
    return adapter_class(key).info


def info_of_account(key: str) -> PlatformInfo:
    """The same for an account that is there already: its plug-in may be gone or broken by now,
    and then its platform can do nothing, and what came of it is still shown.
    """
    try:
        return platform_info(key)
    except UnknownPlatform:
        return PlatformInfo(
            key=key,
            label=f"{key} (not installed)",
            limits=Limits(text_max=0, unit=TextUnit.CHARACTER, images_max=0),
            features=frozenset(),
            secret_label="",
            secret_help="",
            handle_help="",
            default_base_url="",
            asks_base_url=False,
        )


def platform_keys() -> list[str]:
    """Our own, then the installed ones."""
    return [*ADAPTERS, *_plugins().adapters]


def warm_up() -> None:
    """Import every adapter now: some libraries take seconds, and a first post should not wait."""
    for key in platform_keys():
        adapter_class(key)


def open_adapter(
    key: str, connection: Connection, *, network: NetworkPolicy, remember: Remember
) -> Adapter:
    """An adapter for one account; raises UnknownPlatform. Nothing is sent yet."""
    return adapter_class(key)(connection, network=network, remember=remember)

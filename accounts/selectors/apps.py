"""Which platforms have app credentials, and how many accounts stand on them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.models import Credential, PlatformApp
from platforms.contract import PlatformInfo
from platforms.oauth import app_platform
from platforms.registry import platform_info, platform_keys


@dataclass(frozen=True, slots=True)
class Entry:
    """A platform whose accounts are connected in the browser."""

    info: PlatformInfo
    label: str  # with those that share its app
    apps: list[PlatformApp]

    @property
    def registers(self) -> bool:
        return bool(self.info.oauth and self.info.oauth.registers)

    @property
    def by_document(self) -> bool:
        return bool(self.info.oauth and self.info.oauth.by_document)

    @property
    def by_itself(self) -> bool:
        return bool(self.info.oauth and self.info.oauth.by_itself)


def sharing(key: str) -> list[PlatformInfo]:
    """The platforms whose accounts are connected by the app of `key`, itself first."""
    found = [platform_info(k) for k in platform_keys() if app_platform(k) == key]
    return sorted(found, key=lambda info: info.key != key)


def entries() -> list[Entry]:
    """Every platform that has an app of its own, and what is set up of it; one query."""
    apps = defaultdict(list)
    for app in PlatformApp.objects.select_related("added_by"):
        apps[app.platform].append(app)
    return [
        Entry(info, " and ".join(one.label for one in sharing(info.key)), apps[info.key])
        for info in map(platform_info, platform_keys())
        if info.oauth is not None and app_platform(info.key) == info.key
    ]


def apps_of(key: str) -> QuerySet[PlatformApp]:
    return PlatformApp.objects.filter(platform=key).select_related("added_by")


def accounts_by(app: PlatformApp) -> int:
    """How many accounts have tokens that were given to this app."""
    return Credential.objects.filter(app=app).count()

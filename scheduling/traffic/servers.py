"""The servers that accounts are on: what is down or short is one server of a platform."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from accounts.models import SocialAccount
from platforms.contract import PlatformInfo
from platforms.registry import info_of_account


@dataclass(frozen=True, slots=True)
class Server:
    """One server of one platform."""

    platform: str
    base_url: str

    def __str__(self) -> str:
        """Its name for people and for keys: 'Mastodon at social.example.org'."""
        return f"{self.info.label} at {urlsplit(self.base_url).netloc}"

    @property
    def info(self) -> PlatformInfo:
        return info_of_account(self.platform)


def server_of(account: SocialAccount) -> Server:
    return Server(account.platform, account.base_url)

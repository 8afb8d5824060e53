"""The networks the same story is told on. Each says how it is reached past Socialdesk."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import requests
from playwright.sync_api import expect

from .people import Cast


@dataclass(frozen=True, slots=True)
class Seen:
    """A post as the network itself has it. `published_at`: by the network's own clock."""

    remote_id: str
    text: str
    alt_texts: tuple[str, ...]
    published_at: datetime
    answers: str  # remote id, '' when it answers nothing


@dataclass(frozen=True, slots=True)
class Mentioned:
    """What a stranger said to the account; `began`: just before it was said, by time.time()."""

    remote_id: str
    author: str
    began: float


class World(Protocol):
    """One network with an account that nobody has connected yet."""

    key: str
    label: str
    account: str  # the name Socialdesk will show

    def credentials(self) -> dict[str, str]:
        """The form fields that connect the account, by name."""
        ...

    def posts(self) -> list[Seen]:
        """All that the account has posted, oldest first."""
        ...

    def mention(self, cast: Cast, words: str) -> Mentioned:
        """A stranger says `words` to the account."""
        ...

    def prove_once(self, post: Seen) -> None:
        """Assert by whatever the network keeps that this post arrived once and no more."""
        ...


class SandboxWorld:
    """The practice network that runs beside every Socialdesk."""

    key = "sandbox"
    label = "Sandbox"
    account = "Northmoor Parks"

    def __init__(self, cast: Cast, handle: str) -> None:
        self._network = cast.stage.sandbox
        self._handle = handle
        self._connection = self._network.open_account(handle, self.account)

    def credentials(self) -> dict[str, str]:
        return {
            "base_url": self._network.url,
            "handle": self._handle,
            "secret": self._connection.secret,
        }

    def _get(self, path: str) -> dict[str, Any]:
        answer = requests.get(
            f"{self._network.url}/api/{path}",
            headers={"Authorization": f"Bearer {self._connection.secret}"},
            timeout=30,
        )
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    def posts(self) -> list[Seen]:
        return [
            Seen(
                one["id"],
                one["text"],
                tuple(image["alt_text"] for image in one["images"]),
                datetime.fromisoformat(one["created_at"]),
                one["in_reply_to"] or "",
            )
            for one in self._get("own-posts")["items"]
        ]

    def mention(self, cast: Cast, words: str) -> Mentioned:
        """By hand, on the Sandbox's own page."""
        stranger = cast.window("stranger", base_url=self._network.url)
        page = stranger.page
        page.goto(f"/@{self._handle}")
        page.get_by_label("Name", exact=True).fill("Ines Kettle")
        page.get_by_label("Handle", exact=True).fill("ines_kettle")
        page.get_by_label("What do you want to say?").fill(words)
        began = time.time()
        page.get_by_role("button", name="Post", exact=True).click()
        expect(page.get_by_role("status")).to_have_text("Posted.")
        cast.picture(stranger, "mentions the account")
        return Mentioned(page.url.split("?")[0].rsplit("/", 1)[1], "Ines Kettle", began)

    def prove_once(self, post: Seen) -> None:
        """The network's ledger of arrivals: one key, which came once and became this post."""
        arrived = [
            one
            for one in self._network.arrivals(path="/api/posts")
            if one["handle"] == self._handle and one["method"] == "POST"
        ]
        (made,) = [one for one in arrived if one["outcome"] == f"published {post.remote_id}"]
        assert [one["key"] for one in arrived].count(made["key"]) == 1, arrived
        assert [one.text for one in self.posts()].count(post.text) == 1

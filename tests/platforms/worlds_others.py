"""The worlds of the other networks with one address each: X and LinkedIn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from platforms.oauth import Tokens

from . import fake_linkedin, fake_x
from .world import Seen, World, path


class XWorld(World):
    """By OAuth 2 tokens that can be renewed."""

    key = "x"
    handle = "council"
    remote_id = fake_x.OWN
    mentionable = "@stranger"
    tells_videos = True
    writes = staticmethod(path("POST", "/2/tweets"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(path("POST", "/2/media/upload"))
    reads = staticmethod(path("GET", "/mentions"))
    verifies = staticmethod(path("GET", "/2/users/me"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.fake = fake_x.FakeX()
        self._secret = self.fake.secret

    @property
    def secret(self) -> str:
        return self._secret

    def secrets(self) -> list[str]:
        return [*self.fake.issued, self.fake.client_secret]

    def posts(self) -> list[Seen]:
        return [
            Seen(
                post["id"],
                post["text"],
                tuple(media["alt"] for media in post["media"]),
                tuple(len(media["data"]) for media in post["media"]),
                post["referenced_tweets"][0]["id"] if post["referenced_tweets"] else "",
            )
            for post in self.fake.posts.values()
            if post["author_id"] == fake_x.OWN
        ]

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        post = self.fake.make(fake_x.STRANGER, text, parent=reply_to, at=at, sent="mention")
        return str(post["id"])

    def stranger_posts(self, text: str) -> str:
        return str(self.fake.make(fake_x.STRANGER, text)["id"])

    def post_elsewhere(self, text: str) -> str:
        return str(self.fake.make(fake_x.OWN, text)["id"])

    def last_poll(self) -> tuple[tuple[str, ...], int] | None:
        poll = self._last_written()["poll"]
        return tuple(poll["options"]), poll["duration_minutes"]

    def last_quote(self) -> str:
        return str(self._last_written()["quote_tweet_id"])

    def _last_written(self) -> Any:
        return [asked for asked in self.fake.ledger if self.writes(asked)][-1].json()

    def hidden(self) -> list[str]:
        return list(self.fake.hidden)

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        self.fake.media.clear()


class LinkedInWorld(World):
    key = "linkedin"
    handle = "council"
    remote_id = fake_linkedin.OWN
    mentionable = "@stranger"
    tells_videos = True
    stranger_name = "A LinkedIn member"
    writes = staticmethod(path("POST", "/rest/posts"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    edits = staticmethod(
        lambda asked: asked.method == "POST" and asked.path.startswith("/rest/posts/")
    )
    uploads = staticmethod(lambda asked: asked.method == "PUT")
    reads = staticmethod(path("GET", "/organizationalEntityNotifications"))
    verifies = staticmethod(path("GET", "/organizationAcls"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.fake = fake_linkedin.FakeLinkedIn()
        self._secret, self._refresh = self.fake.secret, self.fake.refresh

    @property
    def secret(self) -> str:
        return self._secret

    @property
    def lasting_secret(self) -> str:
        return Tokens(self._secret, self._refresh).dump()

    def posts(self) -> list[Seen]:
        own = [
            Seen(
                post["id"],
                fake_linkedin.plain(post["commentary"]),
                tuple(one.get("altText") or one.get("title", "") for one in post["media"]),
                tuple(len(self.fake.bytes_of(one["id"])) for one in post["media"]),
            )
            for post in self.fake.posts.values()
            if post["author"] == fake_linkedin.OWN_URN
        ]
        comments = [
            Seen(urn, one["message"]["text"], reply_to=one["parent"])
            for urn, one in self.fake.comments.items()
            if one["actor"] == fake_linkedin.OWN_URN
        ]
        return own + comments

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        stranger, when = fake_linkedin.STRANGER, at or datetime.now(UTC)
        if reply_to:
            made = self.fake.add_comment(stranger, text, reply_to, at)
            urn, post, kind = made["commentUrn"], made["object"], "comment"
        else:
            urn, post, kind = self.fake.make(stranger, text, at)["id"], "", "share"
        self.fake.notify(kind, urn, stranger, text, when, post)
        return str(urn)

    def stranger_posts(self, text: str) -> str:
        return str(self.fake.make(fake_linkedin.STRANGER, text)["id"])

    def post_elsewhere(self, text: str) -> str:
        return str(self.fake.make(fake_linkedin.OWN_URN, text)["id"])

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        self.fake.images.clear()
        self.fake.videos.clear()

"""One world per platform: a fake server, an account on it, and what one can do and see there.

The contract tests know nothing else of a platform. A new adapter is one more class here and one
more name in `WORLDS`.
"""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from PIL import Image as Pillow

from platforms.contract import (
    Adapter,
    Connection,
    Image,
    NetworkPolicy,
    Outgoing,
    PlatformInfo,
    ReplyRef,
)
from platforms.registry import open_adapter, platform_info

from . import fake_bluesky, fake_graph, fake_mastodon, fake_x, sandbox_server
from .server import Asked, FakeServer

Match = Callable[[Asked], bool]


@dataclass(frozen=True)
class Seen:
    """A post of the account as the server holds it."""

    remote_id: str
    text: str
    alts: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    reply_to: str = ""


class World(ABC):
    """A fake server and the account on it. `key` is the platform's in the registry."""

    key: str
    server: FakeServer
    handle: str
    remote_id: str
    mentionable: str  # how somebody on this network is named in a text
    stranger_name = "A Stranger"  # as this network tells it

    def __init__(self) -> None:
        self.kept: list[str] = []  # sessions the adapter asked to keep

    # --- the adapter ------------------------------------------------------------------------

    @property
    def info(self) -> PlatformInfo:
        return platform_info(self.key)

    @property
    @abstractmethod
    def secret(self) -> str: ...

    def secrets(self) -> list[str]:
        """Everything that must never be seen in a message or a log."""
        return [self.secret]

    def policy(self, **changes: Any) -> NetworkPolicy:
        values: dict[str, Any] = {
            "private_hosts": frozenset({self.server.private_host}),
            "connect_timeout_s": 2.0,
            "read_timeout_s": 10.0,  # a busy machine is not a fault
            "total_timeout_s": 20.0,
            "max_answer_bytes": 1_000_000,
        }
        return NetworkPolicy(**{**values, **changes})

    def impatient(self) -> NetworkPolicy:
        """For servers that hang or drip."""
        return self.policy(read_timeout_s=0.5, total_timeout_s=1.2)

    def adapter(
        self,
        *,
        secret: str | None = None,
        base_url: str | None = None,
        policy: NetworkPolicy | None = None,
        known: bool = True,
    ) -> Adapter:
        return open_adapter(
            self.key,
            Connection(
                handle=self.handle,
                base_url=self.server.url if base_url is None else base_url,
                secret=self.secret if secret is None else secret,
                remote_id=self.remote_id if known else "",
                session=self.kept[-1] if self.kept and secret is None else "",
            ),
            network=policy or self.policy(),
            remember=self.kept.append,
        )

    def close(self) -> None:
        self.server.close()

    def outgoing(
        self,
        text: str,
        *images: Image,
        reply_to: ReplyRef | None = None,
        ago: timedelta = timedelta(0),
    ) -> Outgoing:
        """A post as this network takes it."""
        return outgoing(text, *images, reply_to=reply_to, ago=ago)

    # --- what others do, and what there is to see ---------------------------------------------

    @abstractmethod
    def posts(self) -> list[Seen]:
        """The account's posts, oldest first."""

    @abstractmethod
    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        """A stranger says something to the account; the remote id."""

    @abstractmethod
    def stranger_posts(self, text: str) -> str:
        """A stranger says something to nobody in particular; the remote id."""

    @abstractmethod
    def post_elsewhere(self, text: str) -> str:
        """Somebody posts as the account, without Socialdesk; the remote id."""

    @abstractmethod
    def revoke(self) -> None:
        """The credentials are taken away."""

    @abstractmethod
    def throw_uploads_away(self) -> None:
        """What was uploaded and no post has taken up is gone."""

    # --- where faults go ------------------------------------------------------------------------

    writes: Match  # the request that publishes
    deletes: Match
    uploads: Match
    reads: Match  # the request of fetch_mentions
    verifies: Match


class BlueskyWorld(World):
    key = "bluesky"
    handle = fake_bluesky.HANDLE
    remote_id = fake_bluesky.DID
    mentionable = "@stranger.bsky.test"
    writes = staticmethod(fake_bluesky.path_of("putRecord"))
    deletes = staticmethod(fake_bluesky.path_of("deleteRecord"))
    uploads = staticmethod(fake_bluesky.path_of("uploadBlob"))
    reads = staticmethod(fake_bluesky.path_of("listNotifications"))
    verifies = staticmethod(fake_bluesky.path_of("getSession"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.fake = fake_bluesky.FakeBluesky()
        self._secret = self.fake.password

    @property
    def secret(self) -> str:
        return self._secret

    def secrets(self) -> list[str]:
        return [self.secret, *self.fake.issued]

    def posts(self) -> list[Seen]:
        found = []
        for (did, collection, rkey), record in sorted(self.fake.records.items()):
            if did != fake_bluesky.DID or collection != fake_bluesky.POST:
                continue
            images = record.get("embed", {}).get("images", [])
            found.append(
                Seen(
                    f"at://{did}/{collection}/{rkey}",
                    record["text"],
                    tuple(image["alt"] for image in images),
                    tuple(len(self.fake.blobs[i["image"]["ref"]["$link"]]) for i in images),
                    record.get("reply", {}).get("parent", {}).get("uri", ""),
                )
            )
        return found

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        view = self.fake.post_as(fake_bluesky.STRANGER, text, at=at, reply_to=reply_to)
        return self.fake.notify(view, "reply" if reply_to else "mention")

    def stranger_posts(self, text: str) -> str:
        return str(self.fake.post_as(fake_bluesky.STRANGER, text)["uri"])

    def post_elsewhere(self, text: str) -> str:
        return str(self.fake.post_as(fake_bluesky.DID, text)["uri"])

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        self.fake.blobs.clear()


def _path(method: str, end: str) -> Match:
    return lambda asked: asked.method == method and asked.path.endswith(end)


class MastodonWorld(World):
    key = "mastodon"
    handle = "council"
    remote_id = fake_mastodon.OWN
    mentionable = "@stranger@far.test"
    writes = staticmethod(_path("POST", "/api/v1/statuses"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(_path("POST", "/media"))
    reads = staticmethod(_path("GET", "/api/v1/notifications"))
    verifies = staticmethod(_path("GET", "/accounts/verify_credentials"))
    flavour = "mastodon"

    def __init__(self) -> None:
        super().__init__()
        self.server = self.fake = fake_mastodon.FakeMastodon(self.flavour)
        self._secret = self.fake.secret

    @property
    def secret(self) -> str:
        return self._secret

    def posts(self) -> list[Seen]:
        return [
            Seen(
                status["id"],
                status.get("text", ""),
                tuple(media["description"] for media in status["media_attachments"]),
                tuple(media["bytes"] for media in status["media_attachments"]),
                status["in_reply_to_id"] or "",
            )
            for status in self.fake.statuses.values()
            if status["account"]["id"] == fake_mastodon.OWN
        ]

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        status = self.fake.make(fake_mastodon.STRANGER, text, parent=reply_to, at=at)
        return self.fake.notify(status)

    def stranger_posts(self, text: str) -> str:
        return str(self.fake.make(fake_mastodon.STRANGER, text)["id"])

    def post_elsewhere(self, text: str) -> str:
        return str(self.fake.make(fake_mastodon.OWN, text)["id"])

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        self.fake.media.clear()


class GoToSocialWorld(MastodonWorld):
    """No idempotency key, ids of another kind, another way of counting."""

    flavour = "gotosocial"


class SandboxWorld(World):
    key = "sandbox"
    handle = sandbox_server.HANDLE
    mentionable = f"@{sandbox_server.STRANGER}"
    writes = staticmethod(_path("POST", "/api/posts"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(_path("POST", "/api/media"))
    reads = staticmethod(_path("GET", "/api/mentions"))
    verifies = staticmethod(_path("GET", "/api/account"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.sandbox = sandbox_server.SandboxServer()
        self.remote_id = str(self.sandbox.account.id)

    @property
    def secret(self) -> str:
        return self.sandbox.token

    def posts(self) -> list[Seen]:
        media = self.sandbox.store.media
        found, _ = self.sandbox.store.lists.own_posts(self.sandbox.account, 0, 50)
        return [
            Seen(
                str(post.id),
                post.text,
                tuple(image.alt_text for image in post.images),
                tuple(
                    file.path.stat().st_size
                    for image in post.images
                    if (file := media.published(image.media_id))
                ),
                str(post.in_reply_to or ""),
            )
            for post in found
        ]

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        return self.sandbox.say(text, at=at, reply_to=reply_to)

    def stranger_posts(self, text: str) -> str:
        post, _ = self.sandbox.store.posts.create(self.sandbox.stranger, text)
        return str(post.id)

    def post_elsewhere(self, text: str) -> str:
        post, _ = self.sandbox.store.posts.create(self.sandbox.account, text)
        return str(post.id)

    def revoke(self) -> None:
        self.sandbox.store.accounts.tokens_revoke(self.sandbox.account)

    def throw_uploads_away(self) -> None:
        with self.sandbox.store.database.writing() as connection:
            connection.execute("DELETE FROM media")


class XWorld(World):
    """By OAuth 2 tokens that can be renewed."""

    key = "x"
    handle = "council"
    remote_id = fake_x.OWN
    mentionable = "@stranger"
    writes = staticmethod(_path("POST", "/2/tweets"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(_path("POST", "/2/media/upload"))
    reads = staticmethod(_path("GET", "/mentions"))
    verifies = staticmethod(_path("GET", "/2/users/me"))

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

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        self.fake.media.clear()


class FacebookWorld(World):
    key = "facebook"
    handle = "council"
    remote_id = fake_graph.PAGE
    mentionable = "@stranger"
    writes = staticmethod(_path("POST", "/feed"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(_path("POST", "/photos"))
    reads = staticmethod(_path("GET", "/tagged"))
    verifies = staticmethod(_path("GET", "/me"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.fake = fake_graph.FakeGraph()
        self._secret = self.fake.secret

    @property
    def secret(self) -> str:
        return self._secret

    def posts(self) -> list[Seen]:
        return [
            Seen(
                node["id"],
                node["text"],
                tuple(photo["alt"] for photo in node.get("photos", [])),
                tuple(len(photo["data"]) for photo in node.get("photos", [])),
                node.get("parent", ""),
            )
            for node in self.fake.nodes.values()
            if node.get("author") == fake_graph.PAGE
        ]

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        if reply_to:
            return str(self.fake.comment(fake_graph.STRANGER, text, reply_to, at)["id"])
        id_ = f"{fake_graph.STRANGER}_{self.fake.new_id()}"
        self.fake.make("post", id_, at, author=fake_graph.STRANGER, text=text, tags=True)
        return id_

    def stranger_posts(self, text: str) -> str:
        id_ = f"{fake_graph.STRANGER}_{self.fake.new_id()}"
        self.fake.make("post", id_, author=fake_graph.STRANGER, text=text)
        return id_

    def post_elsewhere(self, text: str) -> str:
        id_ = f"{fake_graph.PAGE}_{self.fake.new_id()}"
        self.fake.make("post", id_, author=fake_graph.PAGE, text=text)
        return id_

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        for id_ in [n["id"] for n in self.fake.nodes.values() if "photo" in n]:
            del self.fake.nodes[id_]
            del self.fake.kinds[id_]


class InstagramWorld(FacebookWorld):
    """No post without a picture, and pictures are fetched from an address."""

    key = "instagram"
    remote_id = fake_graph.ACCOUNT
    stranger_name = "stranger"
    writes = staticmethod(_path("POST", "/media_publish"))
    uploads = staticmethod(
        lambda asked: asked.path.endswith("/media") and b"image_url" in asked.body
    )
    reads = staticmethod(_path("GET", "/tags"))

    def outgoing(
        self,
        text: str,
        *images: Image,
        reply_to: ReplyRef | None = None,
        ago: timedelta = timedelta(0),
    ) -> Outgoing:
        given = images if images or reply_to else (picture("A blue light"),)
        return outgoing(text, *map(self.public, given), reply_to=reply_to, ago=ago)

    def public(self, image: Image) -> Image:
        url = f"https://desk.example.org/media/{sha256(image.data).hexdigest()}.jpg"
        self.fake.public[url] = image.data
        return replace(image, url=url)

    def posts(self) -> list[Seen]:
        found = []
        for node in self.fake.nodes.values():
            if node.get("author") != fake_graph.ACCOUNT:
                continue
            photos = node.get("photos", [])
            found.append(
                Seen(
                    node["id"],
                    node["text"],
                    tuple(photo.get("alt_text", "") for photo in photos),
                    tuple(len(self.fake.public[photo["image_url"]]) for photo in photos),
                    node.get("ig_parent") or node.get("ig_media", ""),
                )
            )
        return found

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        if reply_to:
            return str(self.fake.ig_comment(fake_graph.STRANGER, text, reply_to, at)["id"])
        return self._media(fake_graph.STRANGER, text, at, ig_tags=True)

    def _media(self, author: str, text: str, at: datetime | None = None, **more: Any) -> str:
        made = self.fake.make("ig media", self.fake.new_id(), at, author=author, text=text, **more)
        return str(made["id"])

    def stranger_posts(self, text: str) -> str:
        return self._media(fake_graph.STRANGER, text)

    def post_elsewhere(self, text: str) -> str:
        return self._media(fake_graph.ACCOUNT, text)

    def throw_uploads_away(self) -> None:
        for id_ in [n["id"] for n in self.fake.nodes.values() if n.get("container")]:
            del self.fake.nodes[id_]
            del self.fake.kinds[id_]


WORLDS: dict[str, type[World]] = {
    "bluesky": BlueskyWorld,
    "mastodon": MastodonWorld,
    "gotosocial": GoToSocialWorld,
    "sandbox": SandboxWorld,
    "x": XWorld,
    "facebook": FacebookWorld,
    "instagram": InstagramWorld,
}


# --- things to send ---------------------------------------------------------------------------


@cache
def _jpeg(width: int, height: int, seed: int) -> bytes:
    out = io.BytesIO()
    picture = Pillow.effect_noise((width, height), 40 + seed).convert("RGB")
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def picture(alt: str, width: int = 120, height: int = 80, seed: int = 0) -> Image:
    return Image(_jpeg(width, height, seed), "image/jpeg", alt, width, height)


_keys = iter(range(1, 10**9))


def outgoing(
    text: str,
    *images: Image,
    reply_to: ReplyRef | None = None,
    ago: timedelta = timedelta(0),
) -> Outgoing:
    """A post whose first attempt was so long ago."""
    key = f"{next(_keys):016x}{time.monotonic_ns() & 0xFFFFFFFFFFFFFFFF:016x}"
    return Outgoing(key, text, datetime.now(UTC) - ago, images, reply_to)

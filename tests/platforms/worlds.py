"""One world per platform: a fake server, an account on it, and what one can do and see there.

The contract tests know nothing else of a platform. A new adapter is one more class here (or in a
module of its own) and one more name in `WORLDS`. A platform in a package of its own brings its own
world along: see docs/how-to/write-a-platform.md.
"""

from __future__ import annotations

import os
from datetime import datetime
from importlib import import_module

from platforms.sandbox.records import Post

from . import fake_bluesky, fake_mastodon, sandbox_server
from .world import Match as Match
from .world import Seen, World, path
from .world import outgoing as outgoing
from .world import picture as picture
from .world import video as video
from .worlds_meta import FacebookWorld, InstagramWorld, ThreadsWorld
from .worlds_others import LinkedInWorld, XWorld


class BlueskyWorld(World):
    key = "bluesky"
    handle = fake_bluesky.HANDLE
    remote_id = fake_bluesky.DID
    mentionable = "@stranger.bsky.test"
    tells_videos = True
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
            embed = record.get("embed", {})
            media = [*embed.get("images", []), *([embed] if "video" in embed else [])]
            blobs = [one.get("image") or one["video"] for one in media]
            found.append(
                Seen(
                    f"at://{did}/{collection}/{rkey}",
                    record["text"],
                    tuple(one["alt"] for one in media),
                    tuple(len(self.fake.blobs[blob["ref"]["$link"]]) for blob in blobs),
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

    def last_quote(self) -> str:
        records = [r for k, r in sorted(self.fake.records.items()) if k[0] == fake_bluesky.DID]
        quoted = records[-1]["embed"]["record"]
        view = next(v for v in self.fake._views() if v["cid"] == quoted["cid"])
        return str(view["uri"])

    def hidden(self) -> list[str]:
        gates = [r for k, r in self.fake.records.items() if k[1] == "app.bsky.feed.threadgate"]
        return [uri for gate in gates for uri in gate["hiddenReplies"]]

    def blocked(self) -> list[str]:
        records = self.fake.records
        return [r["subject"] for k, r in records.items() if k[1] == "app.bsky.graph.block"]

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        self.fake.blobs.clear()


class MastodonWorld(World):
    key = "mastodon"
    handle = "council"
    remote_id = fake_mastodon.OWN
    mentionable = "@stranger@far.test"
    tells_videos = True
    writes = staticmethod(path("POST", "/api/v1/statuses"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    edits = staticmethod(lambda asked: asked.method == "PUT")
    uploads = staticmethod(path("POST", "/media"))
    reads = staticmethod(path("GET", "/api/v1/notifications"))
    verifies = staticmethod(path("GET", "/accounts/verify_credentials"))
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

    def last_poll(self) -> tuple[tuple[str, ...], int] | None:
        *_, status = self.fake.statuses.values()
        poll = status["poll"]
        titles = tuple(option["title"] for option in poll["options"])
        return titles, poll["expires_in"] // 60

    def blocked(self) -> list[str]:
        return list(self.fake.blocked)

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
    tells_videos = True
    writes = staticmethod(path("POST", "/api/posts"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    edits = staticmethod(lambda asked: asked.method == "PUT")
    uploads = staticmethod(path("POST", "/api/media"))
    reads = staticmethod(path("GET", "/api/mentions"))
    verifies = staticmethod(path("GET", "/api/account"))

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

    def _newest(self) -> Post:
        found, _ = self.sandbox.store.lists.own_posts(self.sandbox.account, None, 1)
        return found[0]

    def last_poll(self) -> tuple[tuple[str, ...], int] | None:
        extras = self._newest().extras
        return extras.options, extras.minutes

    def last_quote(self) -> str:
        return str(self._newest().extras.quote)

    def hidden(self) -> list[str]:
        with self.sandbox.store.database.reading() as connection:
            rows = connection.execute("SELECT id FROM posts WHERE hidden_at IS NOT NULL").fetchall()
        return [str(row["id"]) for row in rows]

    def is_there(self, remote_id: str) -> bool:
        post = self.sandbox.store.posts.get(int(remote_id))
        return post is not None and not post.deleted

    def blocked(self) -> list[str]:
        with self.sandbox.store.database.reading() as connection:
            rows = connection.execute("SELECT blocked_id FROM blocks").fetchall()
        return [str(row["blocked_id"]) for row in rows]

    def revoke(self) -> None:
        self.sandbox.store.accounts.tokens_revoke(self.sandbox.account)

    def throw_uploads_away(self) -> None:
        with self.sandbox.store.database.writing() as connection:
            connection.execute("DELETE FROM media")


WORLDS: dict[str, type[World]] = {
    "bluesky": BlueskyWorld,
    "mastodon": MastodonWorld,
    "gotosocial": GoToSocialWorld,
    "sandbox": SandboxWorld,
    "x": XWorld,
    "facebook": FacebookWorld,
    "instagram": InstagramWorld,
    "threads": ThreadsWorld,
    "linkedin": LinkedInWorld,
}
TRIED: dict[str, type[World]] = WORLDS
"""Those that the cases run on: all of ours, or the one that the environment names."""
if named := os.environ.get("PLATFORM_WORLD"):  # package.module:Class; see make test-platform
    _module, _, _name = named.partition(":")
    _theirs: type[World] = getattr(import_module(_module), _name)
    TRIED = {_theirs.key: _theirs}

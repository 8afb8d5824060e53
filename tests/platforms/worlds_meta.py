"""The worlds of the Graph API: a Facebook Page, an Instagram account, Threads."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from platforms.contract import Image, Outgoing, ReplyRef

from . import fake_graph, fake_threads
from .world import Seen, World, outgoing, path, picture


class FacebookWorld(World):
    key = "facebook"
    handle = "council"
    remote_id = fake_graph.PAGE
    mentionable = "@stranger"
    writes = staticmethod(path("POST", "/feed"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    edits = staticmethod(
        lambda asked: (
            asked.method == "POST" and asked.path.split("/")[-1].startswith(f"{fake_graph.PAGE}_")
        )
    )
    uploads = staticmethod(path("POST", "/photos"))
    reads = staticmethod(path("GET", "/tagged"))
    verifies = staticmethod(path("GET", "/me"))

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

    hides = "is_hidden"

    def hidden(self) -> list[str]:
        return [id_ for id_, node in self.fake.nodes.items() if node.get(self.hides) == "true"]

    def is_there(self, remote_id: str) -> bool:
        return remote_id in self.fake.nodes

    def blocked(self) -> list[str]:
        return list(self.fake.banned)

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        for id_ in [n["id"] for n in self.fake.nodes.values() if "photo" in n]:
            del self.fake.nodes[id_]
            del self.fake.kinds[id_]


class InstagramWorld(FacebookWorld):
    """No post without a picture, and pictures are fetched from an address."""

    key = "instagram"
    hides = "hide"
    remote_id = fake_graph.ACCOUNT
    stranger_name = "stranger"
    writes = staticmethod(path("POST", "/media_publish"))
    uploads = staticmethod(
        lambda asked: asked.path.endswith("/media") and b"image_url" in asked.body
    )
    reads = staticmethod(path("GET", "/tags"))

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


class ThreadsWorld(World):
    key = "threads"
    handle = "council"
    remote_id = fake_threads.OWN
    mentionable = "@stranger"
    stranger_name = "stranger"
    writes = staticmethod(path("POST", "/threads_publish"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(
        lambda asked: asked.path.endswith("/threads") and b"image_url" in asked.body
    )
    reads = staticmethod(path("GET", "/mentions"))
    verifies = staticmethod(path("GET", "/me"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.fake = fake_threads.FakeThreads()
        self._secret = self.fake.secret

    @property
    def secret(self) -> str:
        return self._secret

    def secrets(self) -> list[str]:
        return self.fake.issued

    def outgoing(
        self,
        text: str,
        *images: Image,
        reply_to: ReplyRef | None = None,
        ago: timedelta = timedelta(0),
    ) -> Outgoing:
        """Pictures are fetched from an address."""
        public = [replace(image, url=self._address(image)) for image in images]
        return outgoing(text, *public, reply_to=reply_to, ago=ago)

    def _address(self, image: Image) -> str:
        url = f"https://desk.example.org/media/{sha256(image.data).hexdigest()}.jpg"
        self.fake.public[url] = image.data
        return url

    def posts(self) -> list[Seen]:
        return [
            Seen(
                node["id"],
                node["text"],
                tuple(form.get("alt_text", "") for form in node["media"]),
                tuple(len(self.fake.public[form["image_url"]]) for form in node["media"]),
                node["parent"],
            )
            for node in self.fake.nodes.values()
            if node.get("author") == fake_threads.OWN
        ]

    def last_quote(self) -> str:
        asked = [each for each in self.fake.ledger if each.path.endswith("/threads")]
        made = [each for each in asked if each.method == "POST"][-1]
        return made.form()["quote_post_id"][0]

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        named = not reply_to
        made = self.fake.make(fake_threads.STRANGER, text, parent=reply_to, at=at, names=named)
        return str(made["id"])

    def stranger_posts(self, text: str) -> str:
        return str(self.fake.make(fake_threads.STRANGER, text)["id"])

    def post_elsewhere(self, text: str) -> str:
        return str(self.fake.make(fake_threads.OWN, text)["id"])

    def hidden(self) -> list[str]:
        return list(self.fake.hidden)

    def revoke(self) -> None:
        self.fake.revoke()

    def throw_uploads_away(self) -> None:
        for id_ in [n["id"] for n in self.fake.nodes.values() if "form" in n]:
            del self.fake.nodes[id_]

"""A Mastodon server of one's own, as far as the adapter speaks to it.

`flavour` makes it differ as GoToSocial and Takahē were seen to differ (PLATFORMS.md).
"""

from __future__ import annotations

import html
import re
import secrets
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from platforms.contract import Limits, TextUnit
from platforms.counting import count_text

from .server import Asked, FakeServer, KnownApp, Reply

OWN = "1001"
STRANGER = "1002"


def error(status: int, message: str, **headers: str) -> Reply:
    return Reply(status, {"error": message}, headers=headers)


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_html(text: str) -> str:
    """Text as Mastodon renders it (app/lib/text_formatter.rb)."""

    def link(match: re.Match[str]) -> str:
        url = match[0]
        shown = re.sub(r"^https?://(www\.)?", "", url)
        head = url[: len(url) - len(shown)]
        return (
            f'<a href="{url}" target="_blank" rel="nofollow noopener" translate="no">'
            f'<span class="invisible">{head}</span><span class="ellipsis">{shown[:30]}</span>'
            f'<span class="invisible">{shown[30:]}</span></a>'
        )

    def mention(match: re.Match[str]) -> str:
        name, _, host = match[1].partition("@")
        return (
            f'<span class="h-card" translate="no"><a href="https://{host or "here.test"}/@{name}" '
            f'class="u-url mention">@<span>{name}</span></a></span>'
        )

    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"https?://[^\s<]+[^\s<.,!]", link, escaped)
    escaped = re.sub(r"(?<![\w/\"@])@([\w]+(?:@[\w.]+\w)?)", mention, escaped)
    paragraphs = re.split(r"\n{2,}", escaped)
    return "".join(f"<p>{p.replace(chr(10), '<br />')}</p>" for p in paragraphs)


class FakeMastodon(FakeServer):
    LIMITS = Limits(text_max=500, unit=TextUnit.GRAPHEME, url_length=23, short_mentions=True)

    def __init__(self, flavour: str = "mastodon") -> None:
        self.flavour = flavour
        self.secret = f"canary-{secrets.token_hex(8)}"
        self.statuses: dict[str, dict[str, Any]] = {}
        self.media: dict[str, dict[str, Any]] = {}
        self.most = 80  # of a page
        self.notifications: list[dict[str, Any]] = []  # oldest first
        self.keys: dict[str, str] = {}
        self.blocked: list[str] = []
        self.scopes = ["read", "write"]
        self.app = KnownApp()
        self.processing = 0  # how often a file is still being worked on
        self.kinds = ["image/jpeg", "image/png", "image/gif", "video/mp4"]
        self.clock_ahead = timedelta(0)
        self.count = 100
        super().__init__()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_ahead

    def new_id(self) -> str:
        self.count += 1
        return f"01HZ{self.count:022d}" if self.flavour == "gotosocial" else str(self.count)

    def account(self, id_: str) -> dict[str, Any]:
        if id_ == OWN:
            return {
                "id": OWN,
                "username": "council",
                "acct": "council",
                "display_name": "The Council",
                "url": f"{self.url}/@council",
                "avatar": f"{self.url}/a.png",
            }
        return {
            "id": STRANGER,
            "username": "stranger",
            "acct": "stranger@far.test",
            "display_name": "A \u202eStranger",
            "url": "https://far.test/@stranger",
            "avatar": "javascript:alert(1)",
        }

    def revoke(self) -> None:
        self.secret = f"other-{secrets.token_hex(8)}"

    # --- routing ------------------------------------------------------------------------------

    ROUTES = (
        ("GET", r"/api/v2/instance/?", "instance_v2"),
        ("GET", r"/api/v1/instance/?", "instance_v1"),
        ("POST", r"/api/v1/apps", "register"),
        ("POST", r"/oauth/token", "token"),
        ("POST", r"/oauth/revoke", "revoke"),
        ("GET", r"/api/v1/accounts/verify_credentials", "verify"),
        ("GET", r"/api/v1/apps/verify_credentials", "app"),
        ("GET", r"/api/v1/accounts/(\w+)/statuses", "account_statuses"),
        ("POST", r"/api/v1/accounts/(\w+)/block", "block"),
        ("POST", r"/api/v1/accounts/(\w+)/unblock", "unblock"),
        ("POST", r"/api/v1/statuses", "post_status"),
        ("GET", r"/api/v1/statuses/(\w+)", "get_status"),
        ("PUT", r"/api/v1/statuses/(\w+)", "edit_status"),
        ("DELETE", r"/api/v1/statuses/(\w+)", "delete_status"),
        ("GET", r"/api/v1/statuses/(\w+)/context", "context"),
        ("POST", r"/api/v[12]/media", "post_media"),
        ("GET", r"/api/v1/media/(\w+)", "get_media"),
        ("GET", r"/api/v1/notifications", "get_notifications"),
        ("GET", r"/api/v1/timelines/tag/(\w+)", "tag"),
        ("GET", r"/api/v2/search", "search"),
    )

    def route(self, asked: Asked) -> Reply:
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                public = name.startswith("instance") or name in ("register", "token", "revoke")
                bearer = asked.headers.get("authorization", "")
                if not public and bearer != f"Bearer {self.secret}":
                    if self.flavour == "takahe":
                        return Reply(400, body=b"Invalid Bearer token")
                    return error(401, "The access token is invalid")
                reply: Reply = getattr(self, f"do_{name}")(asked, *match.groups())
                reply.headers["Date"] = format_datetime(self.now(), usegmt=True)
                return reply
        return error(404, "Record not found")

    def _configuration(self) -> dict[str, Any]:
        return {
            "statuses": {
                "max_characters": 500,
                "max_media_attachments": 4,
                "characters_reserved_per_url": 23,
            },
            "polls": {
                "max_options": 4,
                "max_characters_per_option": 50,
                "min_expiration": 300,
                "max_expiration": 2_629_746,
            },
            "media_attachments": {
                "supported_mime_types": self.kinds,
                "image_size_limit": 2_000_000,
                "image_matrix_limit": 33_177_600,
                "video_size_limit": 60_000,
                "video_matrix_limit": 2_073_600,
                "description_limit": 1_500,
            },
        }

    def do_instance_v2(self, _asked: Asked) -> Reply:
        if self.flavour == "takahe":
            return error(404, "Not found")
        version = {"gotosocial": "0.20.1+git-1234"}.get(self.flavour, "4.5.2")
        source = {"gotosocial": "https://code.superseriousbusiness.org/gotosocial"}
        return Reply(
            data={
                "domain": "here.test",
                "version": version,
                "source_url": source.get(self.flavour, "https://github.com/mastodon/mastodon"),
                "configuration": self._configuration(),
            }
        )

    def do_instance_v1(self, _asked: Asked) -> Reply:
        return Reply(
            data={"uri": "here.test", "version": "0.11", "configuration": self._configuration()}
        )

    def do_register(self, asked: Asked) -> Reply:
        form = asked.form()
        assert form["scopes"] == ["read write"]
        assert form["redirect_uris"][0].startswith("http")
        return Reply(
            data={"client_id": self.app.client_id, "client_secret": self.app.client_secret}
        )

    def do_token(self, asked: Asked) -> Reply:
        told = {"access_token": self.secret, "token_type": "Bearer", "scope": "read write"}
        return self.app.refusal(asked.form()) or Reply(data=told)

    def do_revoke(self, asked: Asked) -> Reply:
        refusal = self.app.refusal(asked.form())
        if refusal is None and asked.form()["token"] == [self.secret]:
            self.revoke()
        return refusal or Reply(data={})

    def do_verify(self, _asked: Asked) -> Reply:
        return Reply(data=self.account(OWN))

    def do_app(self, _asked: Asked) -> Reply:
        if self.flavour in ("gotosocial", "takahe"):
            return error(404, "Not found")
        return Reply(data={"name": "Socialdesk", "scopes": self.scopes})

    # --- statuses -----------------------------------------------------------------------------

    def make(
        self, author: str, text: str, *, parent: str = "", at: datetime | None = None, **more: Any
    ) -> dict[str, Any]:
        with self.lock:
            id_ = self.new_id()
            above = self.statuses.get(parent, {})
            self.statuses[id_] = {
                "id": id_,
                "uri": f"{self.url}/statuses/{id_}",
                "url": f"{self.url}/@council/{id_}",
                "created_at": stamp(at or self.now()),
                "content": as_html(text),
                "visibility": "public",
                "spoiler_text": "",
                "in_reply_to_id": parent or None,
                "in_reply_to_account_id": above.get("account", {}).get("id"),
                "account": self.account(author),
                "media_attachments": [],
                "reblog": None,
                "text": text,
                **more,
            }
            return self.statuses[id_]

    def do_post_status(self, asked: Asked) -> Reply:
        is_json = "json" in asked.headers.get("content-type", "")  # what has a poll
        form = {key: [value] for key, value in asked.json().items()} if is_json else asked.form()
        text = form.get("status", [""])[0]
        key = asked.headers.get("idempotency-key", "")
        if key in self.keys and self.flavour == "mastodon":
            return Reply(data=self.statuses[self.keys[key]])
        media = form.get("media_ids[]", [])
        if not text and not media:
            return error(422, "Validation failed: Text can't be blank")
        if count_text(text, self.LIMITS) > 500:
            return error(422, "Validation failed: Text character limit of 500 exceeded")
        if any(m not in self.media for m in media):
            return error(422, "Validation failed: media not found")
        if len(media) > 1 and any(self.media[m]["type"] == "video" for m in media):
            return error(422, "Validation failed: Cannot attach a video to a post with images")
        if any(not self.media[m].get("ready", True) for m in media):
            return error(422, "Validation failed: Try again when they have finished processing.")
        parent = form.get("in_reply_to_id", [""])[0]
        if parent and parent not in self.statuses:
            return error(404, "The status you are trying to reply to does not appear to exist.")
        status = self.make(
            OWN,
            text,
            parent=parent,
            visibility=form.get("visibility", ["public"])[0],
            media_attachments=[self.media.pop(m) for m in media],  # each for one post
            poll=self._poll(form),
        )
        self.keys[key] = status["id"]
        return Reply(data=status)

    @staticmethod
    def _poll(form: dict[str, Any]) -> dict[str, Any] | None:
        poll = form.get("poll", [None])[0]
        if not poll:
            return None
        options = [{"title": one} for one in poll["options"]]
        return {"options": options, "expires_in": poll["expires_in"]}

    def do_get_status(self, _asked: Asked, id_: str) -> Reply:
        status = self.statuses.get(id_)
        return Reply(data=status) if status else error(404, "Record not found")

    def do_edit_status(self, asked: Asked, id_: str) -> Reply:
        """What is not sent along is taken away, as app/services/update_status_service.rb does."""
        status = self.statuses.get(id_)
        if status is None or status["account"]["id"] != OWN:
            return error(404, "Record not found")
        form = asked.form()
        text, media = form.get("status", [""])[0], form.get("media_ids[]", [])
        known = {one["id"]: one for one in status["media_attachments"]}
        if not text and not media:
            return error(422, "Validation failed: Text can't be blank")
        if count_text(text, self.LIMITS) > 500:
            return error(422, "Validation failed: Text character limit of 500 exceeded")
        status |= {
            "text": text,
            "content": as_html(text),
            "edited_at": stamp(self.now()),
            "spoiler_text": form.get("spoiler_text", [""])[0],
            "sensitive": form.get("sensitive", ["False"])[0] in ("True", "true", "1"),
            "media_attachments": [known[m] for m in media],
            "poll": None,
        }
        return Reply(data=status)

    def do_delete_status(self, _asked: Asked, id_: str) -> Reply:
        status = self.statuses.get(id_)
        if status is None or status["account"]["id"] != OWN:
            return error(404, "Record not found")
        return Reply(data=self.statuses.pop(id_))

    def do_context(self, _asked: Asked, id_: str) -> Reply:
        above: list[dict[str, Any]] = []
        parent = self.statuses.get(id_, {}).get("in_reply_to_id")
        while parent and parent in self.statuses:
            above.insert(0, self.statuses[parent])
            parent = self.statuses[parent]["in_reply_to_id"]
        return Reply(data={"ancestors": above, "descendants": []})

    def do_post_media(self, asked: Asked) -> Reply:
        if asked.path.startswith("/api/v2") and self.flavour == "old":
            return error(404, "Not found")
        parts = asked.parts()
        id_ = self.new_id()
        self.media[id_] = {
            "id": id_,
            "type": "video" if parts["file"][4:8] == b"ftyp" else "image",
            "url": f"{self.url}/media/{id_}",
            "description": parts.get("description", b"").decode(),
            "bytes": len(parts["file"]),
        }
        if self.processing:
            return Reply(202, {**self.media[id_], "url": None})
        return Reply(data=self.media[id_])

    def do_get_media(self, _asked: Asked, id_: str) -> Reply:
        if id_ not in self.media:
            return error(404, "Record not found")
        if self.processing > 0:
            self.processing -= 1
            return Reply(206, {**self.media[id_], "url": None})
        return Reply(data=self.media[id_])

    def do_block(self, _asked: Asked, id_: str) -> Reply:
        self.blocked = [*(one for one in self.blocked if one != id_), id_]
        return Reply(data={"id": id_, "blocking": True})

    def do_unblock(self, _asked: Asked, id_: str) -> Reply:
        self.blocked = [one for one in self.blocked if one != id_]
        return Reply(data={"id": id_, "blocking": False})

    # --- lists --------------------------------------------------------------------------------

    def _page(self, rows: list[dict[str, Any]], asked: Asked) -> Reply:
        """`rows` newest first; min_id gives what directly follows it, as in Mastodon."""

        def order(id_: str) -> tuple[int, str]:
            return len(id_), id_

        rows = sorted(rows, key=lambda r: order(r["id"]), reverse=True)
        limit = min(int(asked.one("limit", "20")), self.most)
        low, high = asked.one("min_id"), asked.one("max_id")
        if high:
            rows = [r for r in rows if order(r["id"]) < order(high)]
        if low and self.flavour != "without_min_id":
            rows = [r for r in rows if order(r["id"]) > order(low)][-limit:]
        return Reply(data=rows[:limit])

    def do_account_statuses(self, asked: Asked, id_: str) -> Reply:
        return self._page([s for s in self.statuses.values() if s["account"]["id"] == id_], asked)

    def do_get_notifications(self, asked: Asked) -> Reply:
        types = asked.query.get("types[]", [])
        return self._page([n for n in self.notifications if n["type"] in types], asked)

    def do_tag(self, asked: Asked, tag: str) -> Reply:
        wanted = f"#{tag}".lower()
        return self._page(
            [s for s in self.statuses.values() if wanted in s["content"].lower()], asked
        )

    def do_search(self, asked: Asked) -> Reply:
        if self.flavour == "takahe":
            return error(404, "Not found")
        words = asked.one("q").lower()
        found = [s for s in self.statuses.values() if words in s["content"].lower()]
        found.sort(key=lambda s: s["created_at"], reverse=True)
        offset = int(asked.one("offset", "0"))
        limit = min(int(asked.one("limit", "20")), self.most)
        return Reply(
            data={"accounts": [], "hashtags": [], "statuses": found[offset : offset + limit]}
        )

    def notify(self, status: dict[str, Any], kind: str = "mention") -> str:
        with self.lock:
            self.notifications.append(
                {
                    "id": self.new_id(),
                    "type": kind,
                    "created_at": stamp(self.now()),
                    "account": status["account"],
                    "status": status,
                }
            )
            return str(status["id"])

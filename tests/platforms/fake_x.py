"""X of one's own, as far as the adapter speaks to it: API v2, its token server, its uploads.

Whatever is asked of it has to keep to X's own description, where that is at hand.
"""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
import time
from datetime import UTC, datetime
from typing import Any

from platforms.x_count import find_urls, weighted_length

from . import described_x
from .server import Asked, FakeServer, Reply

OWN = "1001"
STRANGER = "1002"
_EPOCH_MS = 1_288_834_974_657


def problem(status: int, title: str, detail: str) -> Reply:
    told = {"title": title, "detail": detail, "type": "about:blank", "status": status}
    return Reply(status, told)


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class FakeX(FakeServer):
    def __init__(self) -> None:
        self.client_id = "client-of-the-desk"
        self.client_secret = f"canary-app-{secrets.token_hex(8)}"
        self.issued: list[str] = []
        self.access, self.refresh = self._new_tokens()
        self.expires_in = 7_200
        self.posts: dict[str, dict[str, Any]] = {}
        self.media: dict[str, dict[str, Any]] = {}
        self.hidden: list[str] = []
        self.processing = 0  # how often a video is still being worked on
        self.keys: dict[str, str] = {}  # OAuth 1.0a, when they are used
        self.renewals = 0
        self._last_id = 0
        super().__init__()

    def _new_tokens(self) -> tuple[str, str]:
        made = f"canary-access-{secrets.token_hex(8)}", f"canary-refresh-{secrets.token_hex(8)}"
        self.issued += made
        return made

    @property
    def secret(self) -> str:
        return json.dumps(
            {
                "access_token": self.access,
                "refresh_token": self.refresh,
                "client_id": self.client_id,
                "client_secret": self.client_secret,
            }
        )

    def revoke(self) -> None:
        self.access, self.refresh = "gone", "gone too"
        self.keys = {}

    def new_id(self) -> str:
        timed = (int(time.time() * 1_000) - _EPOCH_MS) << 22
        self._last_id = max(timed, self._last_id + 1)
        return str(self._last_id)

    # --- routing ------------------------------------------------------------------------------

    ROUTES = (
        ("GET", r"/2/users/me", "me"),
        ("GET", r"/2/users/(\d+)/mentions", "mentions"),
        ("GET", r"/2/users/(\d+)/tweets", "tweets"),
        ("GET", r"/2/tweets/search/recent", "search"),
        ("POST", r"/2/tweets", "create"),
        ("DELETE", r"/2/tweets/(\d+)", "delete"),
        ("PUT", r"/2/tweets/(\d+)/hidden", "hide"),
        ("POST", r"/2/media/upload", "upload"),
        ("GET", r"/2/media/upload", "upload_status"),
        ("POST", r"/2/media/upload/initialize", "initialize"),
        ("POST", r"/2/media/upload/(\d+)/append", "append"),
        ("POST", r"/2/media/upload/(\d+)/finalize", "finalize"),
        ("POST", r"/2/media/metadata", "metadata"),
        ("POST", r"/2/oauth2/token", "token"),
        ("POST", r"/2/oauth2/revoke", "revoke"),
    )

    def answer(self, asked: Asked) -> Any:
        self.crashes += [f"{asked.method} {asked.path}: {p}" for p in described_x.problems(asked)]
        return super().answer(asked)

    def route(self, asked: Asked) -> Reply:
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                if "/oauth2/" not in asked.path and not self._is_known(asked):
                    return problem(401, "Unauthorized", "Unauthorized")
                reply: Reply = getattr(self, f"do_{name}")(asked, *match.groups())
                return reply
        return problem(404, "Not Found", "There is no such thing")

    def _is_known(self, asked: Asked) -> bool:
        told = asked.headers.get("authorization", "")
        if self.keys:
            named = dict(re.findall(r'(\w+)="([^"]*)"', told))
            return told.startswith("OAuth ") and (
                named.get("oauth_consumer_key") == self.keys["api_key"]
                and named.get("oauth_token") == self.keys["access_token"]
            )
        return told == f"Bearer {self.access}"

    def do_token(self, asked: Asked) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        basic = base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {basic}":
            return Reply(401, {"error": "invalid_client"})
        kind = form["grant_type"]
        right = {
            "refresh_token": ("refresh_token", self.refresh),
            "authorization_code": ("code", "canary-code-5b81"),
        }
        field, value = right[kind]
        if form.get(field) != value:
            return Reply(400, {"error": "invalid_grant", "error_description": "It is not valid."})
        self.renewals += 1
        self.access, self.refresh = self._new_tokens()
        return Reply(
            data={
                "token_type": "bearer",
                "expires_in": self.expires_in,
                "access_token": self.access,
                "refresh_token": self.refresh,
                "scope": "tweet.read tweet.write users.read offline.access",
            }
        )

    def do_revoke(self, asked: Asked) -> Reply:
        self.revoke()
        return Reply(data={"revoked": True})

    # --- posts ---------------------------------------------------------------------------------

    def make(
        self, author: str, text: str, *, parent: str = "", at: datetime | None = None, **more: Any
    ) -> dict[str, Any]:
        with self.lock:
            id_ = self.new_id()
            above = self.posts.get(parent, {})
            self.posts[id_] = {
                "id": id_,
                "text": text,
                "author_id": author,
                "created_at": stamp(at or datetime.now(UTC)),
                "conversation_id": above.get("conversation_id", id_),
                "in_reply_to_user_id": above.get("author_id"),
                "referenced_tweets": [{"type": "replied_to", "id": parent}] if parent else None,
                "media": [],
                **more,
            }
            return self.posts[id_]

    def _shown(self, post: dict[str, Any]) -> dict[str, Any]:
        """A post as X tells it: escaped, its addresses shortened, without what is empty."""
        text, urls = "", []
        at = 0
        for number, (start, end) in enumerate(find_urls(post["text"])):
            short = f"https://t.co/{post['id'][-6:]}{number}"
            whole = post["text"][start:end]
            whole = whole if "://" in whole else f"http://{whole}"
            urls.append({"url": short, "expanded_url": whole, "display_url": whole[:20]})
            text += html.escape(post["text"][at:start], quote=False) + short
            at = end
        text += html.escape(post["text"][at:], quote=False)
        if post["media"]:
            short = f"https://t.co/m{post['id'][-6:]}"
            urls.append({"url": short, "expanded_url": "https://x.com/p/1", "media_key": "3_1"})
            text = f"{text} {short}".strip()
        shown = {k: v for k, v in post.items() if k not in ("media", "sent") and v is not None}
        return shown | {"text": text} | ({"entities": {"urls": urls}} if urls else {})

    def _list(self, posts: list[dict[str, Any]], asked: Asked) -> Reply:
        """Newest first; what is above since_id, below until_id, from start_time on; in pages."""
        since, until = int(asked.one("since_id", "0")), int(asked.one("until_id", "9" * 19))
        start, token = asked.one("start_time"), asked.one("pagination_token")
        rows = sorted(posts, key=lambda p: int(p["id"]), reverse=True)
        rows = [p for p in rows if since < int(p["id"]) < until and p["created_at"] >= start]
        rows = [p for p in rows if not token or int(p["id"]) < int(token)]
        number = int(asked.one("max_results", "10"))
        page = rows[:number]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(rows) > number:
            meta["next_token"] = page[-1]["id"]
        if not page:
            return Reply(data={"meta": meta})
        includes = {"users": [self._person(a) for a in sorted({p["author_id"] for p in page})]}
        data = [self._shown(post) for post in page]
        return Reply(data={"data": data, "includes": includes, "meta": meta})

    def _person(self, id_: str) -> dict[str, Any]:
        if id_ == OWN:
            return {
                "id": OWN,
                "name": "The Council",
                "username": "council",
                "profile_image_url": f"{self.url}/a.png",
            }
        return {
            "id": STRANGER,
            "name": "A \u202eStranger",
            "username": "stranger",
            "profile_image_url": "javascript:alert(1)",
        }

    def do_me(self, _asked: Asked) -> Reply:
        return Reply(data={"data": self._person(OWN)})

    def do_mentions(self, asked: Asked, id_: str) -> Reply:
        found = [p for p in self.posts.values() if p.get("sent") == "mention"]
        return self._list(found if id_ == OWN else [], asked)

    def do_tweets(self, asked: Asked, id_: str) -> Reply:
        return self._list([p for p in self.posts.values() if p["author_id"] == id_], asked)

    def do_search(self, asked: Asked) -> Reply:
        words, less = re.fullmatch(r"\((.*)\)((?: -\S+)*)", asked.one("query")).groups()  # type: ignore[union-attr]
        own = OWN if "-from:council" in less else ""
        found = [
            post
            for post in self.posts.values()
            if words.lower() in post["text"].lower() and post["author_id"] != own
        ]
        return self._list(found, asked)

    def do_create(self, asked: Asked) -> Reply:
        body = asked.json()
        text = body.get("text", "")
        media = body.get("media", {}).get("media_ids", [])
        if not text and not media:
            return problem(400, "Invalid Request", "There is no text.")
        if weighted_length(text) > 280:
            return problem(403, "Forbidden", "Your Tweet text is too long.")
        parent = body.get("reply", {}).get("in_reply_to_tweet_id", "")
        if parent and parent not in self.posts:
            return problem(
                403,
                "Forbidden",
                "You attempted to reply to a Tweet that is deleted.",
            )
        if any(m not in self.media or not self.media[m].get("ready") for m in media):
            return problem(400, "Invalid Request", "Your media IDs are invalid.")
        same = [p for p in self.posts.values() if p["author_id"] == OWN and p["text"] == text]
        if same and text and not media:
            return problem(
                403, "Forbidden", "You are not allowed to create a Tweet with duplicate content."
            )
        taken = [self.media[m] for m in media]
        post = self.make(OWN, text, parent=parent, media=taken, sent=body)
        return Reply(201, {"data": {"id": post["id"], "text": text}})

    def do_delete(self, _asked: Asked, id_: str) -> Reply:
        if self.posts.get(id_, {}).get("author_id") != OWN:
            return problem(404, "Not Found Error", "Could not find tweet with id.")
        del self.posts[id_]
        return Reply(data={"data": {"deleted": True}})

    def do_hide(self, asked: Asked, id_: str) -> Reply:
        if id_ not in self.posts:
            return problem(404, "Not Found Error", "Could not find tweet with id.")
        hidden = asked.json()["hidden"]
        self.hidden = [one for one in self.hidden if one != id_] + ([id_] if hidden else [])
        return Reply(data={"data": {"hidden": hidden}})

    # --- media ---------------------------------------------------------------------------------

    def _new_media(self, **what: Any) -> str:
        id_ = self.new_id()
        self.media[id_] = {"id": id_, "alt": "", **what}
        return id_

    def _told(self, id_: str, state: str = "") -> Reply:
        data: dict[str, Any] = {"id": id_, "media_key": f"3_{id_}"}
        if state:
            data["processing_info"] = {"state": state, "check_after_secs": 1}
        return Reply(data={"data": data})

    def do_upload(self, asked: Asked) -> Reply:
        data = base64.b64decode(asked.json()["media"])
        return self._told(self._new_media(data=data, ready=True))

    def do_initialize(self, asked: Asked) -> Reply:
        body = asked.json()
        return self._told(self._new_media(data=b"", size=body["total_bytes"], kind=body))

    def do_append(self, asked: Asked, id_: str) -> Reply:
        body = asked.json()
        media = self.media[id_]
        if body["segment_index"] != media.get("segments", 0):
            return problem(400, "Invalid Request", "Segments do not add up.")
        media["segments"] = media.get("segments", 0) + 1
        media["data"] += base64.b64decode(body["media"])
        return Reply(data={"data": {"expires_at": 1}})

    def do_finalize(self, _asked: Asked, id_: str) -> Reply:
        media = self.media[id_]
        if len(media["data"]) != media["size"]:
            return problem(400, "Invalid Request", "Segments do not add up.")
        media["ready"] = self.processing == 0
        return self._told(id_, "" if media["ready"] else "pending")

    def do_upload_status(self, asked: Asked) -> Reply:
        id_ = asked.one("media_id")
        if id_ not in self.media:
            return problem(404, "Not Found Error", "Could not find media.")
        self.processing -= 1
        self.media[id_]["ready"] = self.processing <= 0
        return self._told(id_, "succeeded" if self.processing <= 0 else "in_progress")

    def do_metadata(self, asked: Asked) -> Reply:
        body = asked.json()
        if body["id"] not in self.media:
            return problem(404, "Not Found Error", "Could not find media.")
        self.media[body["id"]]["alt"] = body["metadata"]["alt_text"]["text"]
        return Reply(data={"data": {"id": body["id"]}})

"""LinkedIn of one's own, as far as the adapter speaks to it: the page of one organisation."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from .server import Asked, FakeServer, KnownApp, Reply

OWN = "5001"
OWN_URN = f"urn:li:organization:{OWN}"
STRANGER = "urn:li:person:abC1"
Row = dict[str, Any]
_RESERVED = set("|{}@[]()<>*_~")


def error(status: int, message: str, code: str = "ERROR") -> Reply:
    return Reply(status, {"status": status, "code": code, "message": message})


def plain(commentary: str) -> str:
    """The little text format as people see it; what is not escaped as it has to be is refused."""
    bare = re.sub(r"\\.", "", commentary, flags=re.DOTALL)
    assert not set(bare) & _RESERVED, f"not escaped: {commentary!r}"
    return re.sub(r"\\(.)", r"\1", commentary, flags=re.DOTALL)


class FakeLinkedIn(FakeServer):
    def __init__(self) -> None:
        self.secret = f"canary-{secrets.token_hex(8)}"
        self.app = KnownApp()
        self.posts: dict[str, Row] = {}
        self.comments: dict[str, Row] = {}
        self.images: dict[str, bytes] = {}
        self.waiting: dict[str, str] = {}
        self.notices: list[Row] = []  # oldest first
        self.count = 100_000
        super().__init__()

    def revoke(self) -> None:
        self.secret = f"other-{secrets.token_hex(8)}"

    def new_id(self) -> int:
        with self.lock:
            self.count += 1
            return 7_000_000_000_000_000_000 + self.count

    ROUTES = (
        ("GET", r"/rest/organizationAcls", "acls"),
        ("GET", r"/rest/organizations/(\d+)", "organisation"),
        ("GET", r"/rest/organizationalEntityNotifications", "notices"),
        ("GET", r"/rest/posts", "list"),
        ("POST", r"/rest/posts", "post"),
        ("POST", r"/rest/posts/([^/]+)", "patch"),
        ("DELETE", r"/rest/posts/([^/]+)", "delete"),
        ("POST", r"/rest/images", "begin_image"),
        ("PUT", r"/upload/(\w+)", "upload"),
        ("GET", r"/rest/socialActions/([^/]+)/comments", "get_comments"),
        ("POST", r"/rest/socialActions/([^/]+)/comments", "comment"),
    )

    def route(self, asked: Asked) -> Reply:
        if asked.path == "/oauth/v2/accessToken":
            return self._token(asked)
        if asked.path.startswith("/rest/"):
            assert asked.headers["linkedin-version"] == "202511"
            assert asked.headers["x-restli-protocol-version"] == "2.0.0"
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                if asked.headers.get("authorization") != f"Bearer {self.secret}":
                    return error(401, "The token used in the request has been revoked")
                groups = [unquote(group) for group in match.groups()]
                reply: Reply = getattr(self, f"do_{name}")(asked, *groups)
                return reply
        return error(404, "No virtual resource found")

    def _token(self, asked: Asked) -> Reply:
        more = {"expires_in": 5_184_000, "refresh_token": f"canary-{secrets.token_hex(8)}"}
        told = {"access_token": self.secret, "scope": "w_organization_social", **more}
        return self.app.refusal(asked.form()) or Reply(data=told)

    def do_acls(self, asked: Asked) -> Reply:
        assert asked.one("q") == "roleAssignee"
        rows = [
            {"organization": "urn:li:organization:5000", "role": "ADMINISTRATOR"},
            {"organization": OWN_URN, "role": "ADMINISTRATOR"},
        ]
        return Reply(data={"elements": rows, "paging": {"start": 0, "count": 10}})

    def do_organisation(self, _asked: Asked, id_: str) -> Reply:
        if id_ == OWN:
            name = {"localizedName": "The Council", "vanityName": "council"}
        else:
            name = {"localizedName": "Another", "vanityName": "another"}
        return Reply(data={"id": int(id_), **name})

    # --- posts ---------------------------------------------------------------------------------

    def make(self, author: str, text: str, at: datetime | None = None, **more: Any) -> Row:
        with self.lock:
            urn = f"urn:li:share:{self.new_id()}"
            self.posts[urn] = {
                "id": urn,
                "author": author,
                "commentary": text,
                "createdAt": int((at or datetime.now(UTC)).timestamp() * 1_000),
                "media": [],
                **more,
            }
            return self.posts[urn]

    def _page(self, rows: list[Row], asked: Asked) -> Reply:
        start, count = int(asked.one("start", "0")), int(asked.one("count", "10"))
        newest = list(reversed(rows))[start : start + count]
        return Reply(data={"elements": newest, "paging": {"start": start, "count": count}})

    def do_list(self, asked: Asked) -> Reply:
        assert asked.headers["x-restli-method"] == "FINDER"
        rows = [p for p in self.posts.values() if p["author"] == asked.one("author")]
        hidden = ("media", "sent")
        shown = [{k: v for k, v in row.items() if k not in hidden} for row in rows]
        return self._page(shown, asked)

    def do_post(self, asked: Asked) -> Reply:
        body = asked.json()
        assert body["author"] == OWN_URN
        assert body["lifecycleState"] == "PUBLISHED"
        assert set(body["distribution"]) == {
            "feedDistribution",
            "targetEntities",
            "thirdPartyDistributionChannels",
        }
        text = body["commentary"]
        content = body.get("content", {})
        media = content.get("multiImage", {}).get("images", [])
        media = [content["media"]] if "media" in content else media
        if not text and not media:
            return error(422, "The post is empty.", "MISSING_FIELD")
        if any(one["id"] not in self.images for one in media):
            return error(400, "The image is not there.", "MEDIA_ASSET_ERROR")
        own = [p for p in self.posts.values() if p["author"] == OWN_URN]
        same = [p["id"] for p in own if text and p["commentary"] == text]
        if same and not media:
            told = error(422, f"Content is a duplicate of {same[0]}", "UNPROCESSABLE_ENTITY")
            told.data["errorDetails"] = {"inputErrors": [{"code": "DUPLICATE_POST"}]}
            return told
        plain(text)
        made = self.make(OWN_URN, text, media=media, sent=body)
        return Reply(201, body=b"", headers={"x-restli-id": made["id"]})

    def do_patch(self, asked: Asked, urn: str) -> Reply:
        """https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api"""
        assert asked.headers["x-restli-method"] == "PARTIAL_UPDATE"
        body = asked.json()
        assert set(body) == {"patch"}
        assert set(body["patch"]) == {"$set"}
        assert set(body["patch"]["$set"]) <= {"commentary", "contentCallToActionLabel"}
        if urn not in self.posts:
            return error(404, "Not found", "NOT_FOUND")
        plain(body["patch"]["$set"]["commentary"])
        self.posts[urn] |= body["patch"]["$set"]
        return Reply(204, body=b"")

    def do_delete(self, _asked: Asked, urn: str) -> Reply:
        if self.posts.pop(urn, None) is None:
            return error(404, "Not found", "NOT_FOUND")
        return Reply(204, body=b"")

    def do_begin_image(self, asked: Asked) -> Reply:
        assert asked.one("action") == "initializeUpload"
        assert asked.json() == {"initializeUploadRequest": {"owner": OWN_URN}}
        place = f"p{self.new_id()}"
        self.waiting[place] = f"urn:li:image:{place}"
        value = {"uploadUrl": f"{self.url}/upload/{place}", "image": self.waiting[place]}
        return Reply(data={"value": value})

    def do_upload(self, asked: Asked, place: str) -> Reply:
        self.images[self.waiting.pop(place)] = asked.body
        return Reply(201, body=b"")

    # --- comments ------------------------------------------------------------------------------

    def add_comment(self, actor: str, text: str, under: str, at: datetime | None = None) -> Row:
        """Under a post, or under a comment, whose post it then belongs to."""
        post = self.comments[under]["object"] if under in self.comments else under
        with self.lock:
            urn = f"urn:li:comment:({post},{self.new_id()})"
            self.comments[urn] = {
                "commentUrn": urn,
                "actor": actor,
                "object": post,
                "parent": under,
                "message": {"text": text},
                "created": {"time": int((at or datetime.now(UTC)).timestamp() * 1_000)},
            }
            return self.comments[urn]

    def notify(self, kind: str, urn: str, owner: str, text: str, at: datetime, post: str) -> None:
        with self.lock:
            activity = {"text": text, "owner": owner, "entity": urn}
            self.notices.append(
                {
                    "notificationId": self.new_id(),
                    "action": "COMMENT" if kind == "comment" else "SHARE_MENTION",
                    "lastModifiedAt": int(at.timestamp() * 1_000),
                    "generatedActivity": urn,
                    "sourcePost": post or None,
                    "organizationalEntity": OWN_URN,
                    "decoratedGeneratedActivity": {kind: activity},
                }
            )

    def do_notices(self, asked: Asked) -> Reply:
        assert asked.one("actions") == "List(COMMENT,SHARE_MENTION)"
        assert asked.one("organizationalEntity") == OWN_URN
        return self._page(self.notices, asked)

    def do_get_comments(self, _asked: Asked, urn: str) -> Reply:
        rows = [c for c in self.comments.values() if c["parent"] == urn]
        return Reply(data={"elements": list(reversed(rows))})

    def do_comment(self, asked: Asked, urn: str) -> Reply:
        body = asked.json()
        assert body["actor"] == OWN_URN
        known = {**self.posts, **self.comments}
        if urn not in known or body["object"] not in known:
            return error(404, "There is no such post.")
        if urn in self.comments:
            assert body["parentComment"] == urn
        made = self.add_comment(OWN_URN, body["message"]["text"], urn)
        number = made["commentUrn"].rpartition(",")[2].rstrip(")")
        return Reply(201, {**made, "id": number}, headers={"x-restli-id": number})

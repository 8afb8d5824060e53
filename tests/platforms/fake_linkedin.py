"""LinkedIn of one's own, as far as the adapter speaks to it: the page of one organisation."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
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


@dataclass
class Video:
    """One that is uploaded, or was."""

    size: int
    token: str
    status: str = "WAITING_UPLOAD"
    ranges: list[tuple[int, int]] = field(default_factory=list)
    pieces: dict[int, tuple[str, bytes]] = field(default_factory=dict)  # tag and data

    def data(self) -> bytes:
        return b"".join(self.pieces[number][1] for number in range(len(self.ranges)))


class FakeLinkedIn(FakeServer):
    def __init__(self) -> None:
        self.issued: list[str] = []
        self.secret, self.refresh = self._new_tokens()
        self.app = KnownApp()
        self.posts: dict[str, Row] = {}
        self.comments: dict[str, Row] = {}
        self.images: dict[str, bytes] = {}
        self.waiting: dict[str, str] = {}
        self.videos: dict[str, Video] = {}
        self.piece = 4_194_304
        self.processing = 0  # how often a video is still being worked on
        self.notices: list[Row] = []  # oldest first
        self.count = 100_000
        super().__init__()

    def _new_tokens(self) -> tuple[str, str]:
        made = f"canary-access-{secrets.token_hex(8)}", f"canary-refresh-{secrets.token_hex(8)}"
        self.issued += made
        return made

    def revoke(self) -> None:
        self.secret, self.refresh = "gone", "gone too"

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
        ("POST", r"/rest/videos", "video_action"),
        ("GET", r"/rest/videos/([^/]+)", "video"),
        ("PUT", r"/pieces/([^/]+)/(\d+)", "piece"),
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
        form = asked.form()
        if refusal := self.app.refusal(form):
            return refusal
        if form.get("refresh_token", [self.refresh]) != [self.refresh]:
            return Reply(400, {"error": "invalid_grant"})
        if form["grant_type"] == ["refresh_token"]:
            self.secret, self.refresh = self._new_tokens()
        told = {"access_token": self.secret, "refresh_token": self.refresh}
        return Reply(data={**told, "scope": "w_organization_social", "expires_in": 5_184_000})

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
        for one in media:
            if one["id"].startswith("urn:li:video:"):
                assert "altText" not in one  # there is none for a video
                found = self.videos.get(one["id"])
                if found is None or found.status != "AVAILABLE":
                    return error(400, "The video is not there.", "MEDIA_ASSET_ERROR")
            elif one["id"] not in self.images:
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

    def bytes_of(self, urn: str) -> bytes:
        return self.videos[urn].data() if urn in self.videos else self.images[urn]

    # --- videos --------------------------------------------------------------------------------

    def do_video_action(self, asked: Asked) -> Reply:
        actions = {"initializeUpload": self._begin_video, "finalizeUpload": self._end_video}
        return actions[asked.one("action")](asked.json())

    def _begin_video(self, body: Row) -> Reply:
        told = body["initializeUploadRequest"]
        assert told["owner"] == OWN_URN
        urn, size = f"urn:li:video:C{self.new_id()}", told["fileSizeBytes"]
        self.videos[urn] = made = Video(size, f"token-{self.new_id()}")
        starts = range(0, size, self.piece)
        made.ranges = [(start, min(start + self.piece, size) - 1) for start in starts]
        pieces = [
            {
                "uploadUrl": f"{self.url}/pieces/{urn}/{number}",
                "firstByte": first,
                "lastByte": last,
            }
            for number, (first, last) in enumerate(made.ranges)
        ]
        until = int((time.time() + 3_600) * 1_000)
        value = {"video": urn, "uploadToken": made.token, "uploadUrlsExpireAt": until}
        return Reply(data={"value": {**value, "uploadInstructions": pieces}})

    def do_piece(self, asked: Asked, urn: str, place: str) -> Reply:
        assert asked.headers["content-type"] == "application/octet-stream"
        made, number = self.videos.get(urn), int(place)
        if made is None:
            return error(404, "There is no such upload.", "NOT_FOUND")
        first, last = made.ranges[number]
        if len(asked.body) != last - first + 1:
            return error(400, "The piece is not of the size that was agreed.")
        tag = f"/signed/{self.new_id()}"
        made.pieces[number] = tag, asked.body
        return Reply(body=b"", headers={"ETag": tag})

    def _end_video(self, body: Row) -> Reply:
        told = body["finalizeUploadRequest"]
        made = self.videos.get(told["video"])
        if made is None or made.status != "WAITING_UPLOAD" or told["uploadToken"] != made.token:
            return error(400, "There is no such upload to finalize.")
        tags = [made.pieces[number][0] for number in sorted(made.pieces)]
        if told["uploadedPartIds"] != tags or len(tags) != len(made.ranges):
            return error(400, "These are not the parts in their order.")
        made.status = "PROCESSING"
        return Reply(body=b"")

    def do_video(self, _asked: Asked, urn: str) -> Reply:
        made = self.videos.get(urn)
        if made is None:
            return error(404, "Not found", "NOT_FOUND")
        if made.status == "PROCESSING":
            if self.processing:
                self.processing -= 1
            else:
                made.status = "AVAILABLE"
        return Reply(data={"id": urn, "owner": OWN_URN, "status": made.status})

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

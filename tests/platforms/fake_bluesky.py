"""A Bluesky server of one's own: PDS and AppView in one, as far as the adapter speaks to them.

Behaves as the real one was seen to behave (dev-env 0.6): see tests/real for the proof.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import regex

from .fake_bluesky_oauth import FakeSignIn
from .server import Asked, FakeServer, Reply

DID = "did:plc:official234567abcdefghij"
STRANGER = "did:plc:stranger234567abcdefghij"
HANDLE = "council.bsky.test"
POST = "app.bsky.feed.post"


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cid_of(value: Any) -> str:
    return "bafyrei" + base64.b32encode(
        sha256(json.dumps(value, sort_keys=True).encode()).digest()
    ).decode().lower().rstrip("=")


def error(status: int, name: str, message: str = "", **headers: str) -> Reply:
    return Reply(status, {"error": name, "message": message}, headers=headers)


class FakeBluesky(FakeServer):
    def __init__(self) -> None:
        self.password = f"canary-{secrets.token_hex(8)}"
        self.access: set[str] = set()
        self.refresh: set[str] = set()
        self.issued: list[str] = []
        self.token_life = timedelta(hours=2)
        self.records: dict[tuple[str, str, str], dict[str, Any]] = {}  # did, collection, rkey
        self.blobs: dict[str, bytes] = {}
        self.notifications: list[dict[str, Any]] = []  # newest first by time
        self.handles = {HANDLE: DID, "stranger.bsky.test": STRANGER}
        self.count = 0
        self.blob_limit: int | None = 52_428_800
        super().__init__()
        self.sign_in = FakeSignIn(self.url, DID, self.handles)

    # --- tokens -----------------------------------------------------------------------------

    def token(self, life: timedelta) -> str:
        def part(value: Any) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        expires = int((datetime.now(UTC) + life).timestamp())
        made = f"{part({'alg': 'HS256'})}.{part({'sub': DID, 'exp': expires})}." + part(
            secrets.token_hex(16)
        )
        self.issued.append(made)
        return made

    def session(self) -> Reply:
        access, refresh = self.token(self.token_life), self.token(timedelta(days=60))
        self.access.add(access)
        self.refresh.add(refresh)
        return Reply(
            data={
                "did": DID,
                "handle": HANDLE,
                "accessJwt": access,
                "refreshJwt": refresh,
                "active": True,
            }
        )

    def revoke(self) -> None:
        self.access.clear()
        self.refresh.clear()
        self.password = f"other-{secrets.token_hex(8)}"

    # --- routing ------------------------------------------------------------------------------

    def route(self, asked: Asked) -> Reply:
        reply = self.sign_in.answer(asked)
        if reply is not None:
            return reply
        name = asked.path.removeprefix("/xrpc/")
        if name == "com.atproto.identity.resolveHandle" and "authorization" not in asked.headers:
            return self.do_resolveHandle(asked)
        if asked.headers.get("authorization", "").startswith("DPoP "):
            return self.sign_in.admits(asked) or self._do(name, asked)
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if name == "com.atproto.server.createSession":
            given = asked.json()
            if given["identifier"] in (DID, HANDLE) and given["password"] == self.password:
                return self.session()
            return error(401, "AuthenticationRequired", "Invalid identifier or password")
        if name == "com.atproto.server.refreshSession":
            if bearer in self.refresh:
                self.refresh.discard(bearer)
                return self.session()
            return error(400, "ExpiredToken", "Token has been revoked")
        if bearer not in self.access:
            return error(400, "ExpiredToken", "Token has expired")
        return self._do(name, asked)

    def _do(self, name: str, asked: Asked) -> Reply:
        handler = getattr(self, "do_" + name.rpartition(".")[2], None)
        if handler is None:
            return error(501, "MethodNotImplemented")
        return handler(asked)

    def do_getSession(self, _asked: Asked) -> Reply:
        return Reply(data={"did": DID, "handle": HANDLE, "active": True})

    def do_getProfile(self, _asked: Asked) -> Reply:
        return Reply(data={"did": DID, "handle": HANDLE, "displayName": "The Council"})

    def do_resolveHandle(self, asked: Asked) -> Reply:
        did = self.handles.get(asked.one("handle"))
        return (
            Reply(data={"did": did}) if did else error(400, "InvalidRequest", "Unable to resolve")
        )

    def do_describeServer(self, _asked: Asked) -> Reply:
        limit = {"blobUploadLimit": self.blob_limit} if self.blob_limit else {}
        return Reply(data={"did": "did:web:bsky.test", "availableUserDomains": [], **limit})

    def do_uploadBlob(self, asked: Asked) -> Reply:
        link = "bafkrei" + sha256(asked.body).hexdigest()[:52]
        self.blobs[link] = asked.body
        blob = {
            "$type": "blob",
            "ref": {"$link": link},
            "mimeType": asked.headers["content-type"],
            "size": len(asked.body),
        }
        return Reply(data={"blob": blob})

    def do_putRecord(self, asked: Asked) -> Reply:
        given = asked.json()
        record, key = given["record"], (given["repo"], given["collection"], given["rkey"])
        if given["repo"] != DID:
            return error(403, "InvalidRequest", "not your repository")
        if given["collection"] == POST:
            text = record["text"]
            if len(regex.findall(r"\X", text)) > 300 or len(text.encode()) > 3000:
                return error(400, "InvalidRequest", "Record/text must not be longer than 300")
            embed = record.get("embed", {})
            blobs = [image["image"] for image in embed.get("images", [])]
            if embed.get("$type") == "app.bsky.embed.video":
                if embed["video"]["mimeType"] != "video/mp4":
                    return error(400, "InvalidRequest", "Wrong mime type at $.embed.video")
                blobs.append(embed["video"])
            if any(blob["ref"]["$link"] not in self.blobs for blob in blobs):
                return error(400, "BlobNotFound", "Could not find blob")
        self.records[key] = record
        uri = f"at://{key[0]}/{key[1]}/{key[2]}"
        return Reply(data={"uri": uri, "cid": cid_of(record), "validationStatus": "valid"})

    def do_getRecord(self, asked: Asked) -> Reply:
        key = (asked.one("repo"), asked.one("collection"), asked.one("rkey"))
        record = self.records.get(key)
        if record is None:
            return error(400, "RecordNotFound", "Could not locate record")
        return Reply(data={"uri": "at://" + "/".join(key), "cid": cid_of(record), "value": record})

    def do_deleteRecord(self, asked: Asked) -> Reply:
        given = asked.json()
        self.records.pop((given["repo"], given["collection"], given["rkey"]), None)
        return Reply(data={})

    def do_listRecords(self, asked: Asked) -> Reply:
        upwards = asked.one("reverse") == "true"
        found = sorted(
            (
                key
                for key in self.records
                if key[:2] == (asked.one("repo"), asked.one("collection"))
            ),
            reverse=not upwards,
        )
        after = asked.one("cursor")
        if after:
            found = [k for k in found if (k[2] > after if upwards else k[2] < after)]
        found = found[: int(asked.one("limit", "50"))]
        rows = [
            {"uri": "at://" + "/".join(k), "cid": cid_of(self.records[k]), "value": self.records[k]}
            for k in found
        ]
        return Reply(data={"records": rows, **({"cursor": found[-1][2]} if found else {})})

    def _page(self, rows: list[dict[str, Any]], asked: Asked, name: str) -> Reply:
        """Newest first; goes on strictly below the time of the last row, as the AppView does."""
        rows = sorted(rows, key=lambda r: (r["indexedAt"], r["uri"]), reverse=True)
        after = asked.one("cursor")
        if after:
            rows = [r for r in rows if r["indexedAt"] < after]
        page = rows[: int(asked.one("limit", "50"))]
        cursor = {"cursor": page[-1]["indexedAt"]} if len(rows) > len(page) else {}
        return Reply(data={name: page, **cursor})

    def do_listNotifications(self, asked: Asked) -> Reply:
        reply = self._page(self.notifications, asked, "notifications")
        reasons = asked.query.get("reasons")  # sorted out after the page was cut
        reply.data["notifications"] = [
            n for n in reply.data["notifications"] if not reasons or n["reason"] in reasons
        ]
        return reply

    def do_searchPosts(self, asked: Asked) -> Reply:
        words = asked.one("q").lower()
        rows = [v for v in self._views() if words in v["record"]["text"].lower()]
        return self._page(rows, asked, "posts")

    def do_getPosts(self, asked: Asked) -> Reply:
        wanted = asked.query.get("uris", [])
        return Reply(data={"posts": [v for v in self._views() if v["uri"] in wanted]})

    def _views(self) -> list[dict[str, Any]]:
        return [self._view(key) for key in self.records if key[1] == POST]

    def _view(self, key: tuple[str, str, str]) -> dict[str, Any]:
        record = self.records[key]
        return {
            "uri": "at://" + "/".join(key),
            "cid": cid_of(record),
            "author": {"did": key[0], "handle": self._handle(key[0])},
            "record": record,
            "indexedAt": record["createdAt"],
        }

    def _handle(self, did: str) -> str:
        return next(handle for handle, owner in self.handles.items() if owner == did)

    # --- what the others do -----------------------------------------------------------------------

    def rkey(self) -> str:
        self.count += 1
        letters = "234567abcdefghijklmnopqrstuvwxyz"
        value = (int(datetime.now(UTC).timestamp() * 1e6) << 10) + self.count
        return "".join(letters[value >> shift & 31] for shift in range(60, -1, -5))

    def post_as(
        self, did: str, text: str, *, at: datetime | None = None, reply_to: str = ""
    ) -> dict[str, Any]:
        """A post made in another program; its view."""
        with self.lock:
            record: dict[str, Any] = {
                "$type": POST,
                "text": text.encode("utf-8", "replace").decode(),  # records are CBOR, in UTF-8
                "createdAt": stamp(at or datetime.now(UTC)),
            }
            if reply_to:
                parent = next(v for v in self._views() if v["uri"] == reply_to)
                ref = {"uri": parent["uri"], "cid": parent["cid"]}
                root = parent["record"].get("reply", {}).get("root", ref)
                record["reply"] = {"root": root, "parent": ref}
            key = (did, POST, self.rkey())
            self.records[key] = record
            return self._view(key)

    def notify(self, view: dict[str, Any], reason: str = "mention") -> str:
        with self.lock:
            author = {
                "did": STRANGER,
                "handle": "stranger.bsky.test",
                "displayName": "A \u202eStranger",
                "avatar": "javascript:alert(1)",
            }
            self.notifications.append({**view, "author": author, "reason": reason, "isRead": False})
            return str(view["uri"])


def path_of(nsid: str) -> Any:
    """A matcher of requests for this method."""
    return lambda asked: re.search(rf"\.{nsid}$", asked.path) is not None

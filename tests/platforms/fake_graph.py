"""The Graph API of one's own: a Facebook Page, and the Instagram account that belongs to it.

Every request has to keep to the parameter types of Meta's own package, and to carry its token in
the header; another one makes the test fail.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import described_graph
from .server import Asked, FakeServer, KnownApp, Reply

PAGE = "2001"
STRANGER = "3001"
ACCOUNT = "4001"  # on Instagram
Node = dict[str, Any]


def error(code: int, message: str, *, subcode: int = 0, status: int = 400, **more: Any) -> Reply:
    told = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "x", **more}
    return Reply(status, {"error": told | ({"error_subcode": subcode} if subcode else {})})


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")


class FakeGraph(FakeServer):
    def __init__(self) -> None:
        self.secret = f"canary-{secrets.token_hex(8)}"
        self.person = f"canary-person-{secrets.token_hex(8)}"
        self.short = f"canary-short-{secrets.token_hex(8)}"
        self.issued = [self.secret, self.person, self.short]
        self.app = KnownApp()
        self.nodes: dict[str, Node] = {}  # in order of their making
        self.kinds = {PAGE: "page", ACCOUNT: "ig account", STRANGER: "person"}
        self.threads: list[str] = []
        self.ratings: list[Node] = []
        self.banned: list[str] = []
        self.sent: list[Node] = []
        self.public: dict[str, bytes] = {}  # what can be fetched, by address
        self.fetch: Callable[[str], bytes | None] = self.public.get
        self.processing = 0
        self.refused_edges: dict[str, Reply] = {}
        self.count = 100_000
        super().__init__()

    def revoke(self) -> None:
        self.secret = f"other-{secrets.token_hex(8)}"

    def new_id(self) -> str:
        with self.lock:
            self.count += 1
            return str(self.count)

    # --- routing ------------------------------------------------------------------------------

    def answer(self, asked: Asked) -> Any:
        version, node, *_ = [*asked.path.strip("/").split("/"), "", ""]
        if version != "v23.0":
            self.crashes.append(f"version {version}")
        if "access_token" in asked.query and "oauth" not in asked.path:
            self.crashes.append("a token in an address")
        if "oauth" not in asked.path and "permissions" not in asked.path:
            kind = self._kind(asked, node)
            if kind:
                told = described_graph.problems(asked, kind)
                self.crashes += [f"{asked.method} {asked.path}: {one}" for one in told]
        return super().answer(asked)

    def _kind(self, asked: Asked, node: str) -> str:
        if node == "me":
            bearer = asked.headers.get("authorization", "")
            return "person" if self.person in bearer else "page"
        return self.kinds.get(node, "")

    def route(self, asked: Asked) -> Reply:
        bearer = asked.headers.get("authorization", "")
        _, node, edge = [*asked.path.strip("/").split("/"), "", ""][:3]
        if (node, edge) == ("oauth", "access_token"):
            return self._token(asked)
        if bearer == f"Bearer {self.person}":
            return self._person(asked, node, edge)
        if bearer != f"Bearer {self.secret}":
            return error(190, "Error validating access token: it has expired.", subcode=463)
        if edge in self.refused_edges:
            return self.refused_edges[edge]
        node = PAGE if node == "me" else node
        if node not in self.kinds:
            return error(100, "Unsupported request. Object does not exist.", subcode=33)
        if not edge:
            return self._node(asked, node)
        name = f"do_{asked.method.lower()}_{edge}"
        if not hasattr(self, name):
            return error(100, "Tried accessing nonexisting field")
        reply: Reply = getattr(self, name)(asked, node)
        return reply

    def _token(self, asked: Asked) -> Reply:
        form = asked.form() if asked.method == "POST" else asked.query
        if self.app.refusal(form):
            return error(1, "Error validating client secret.")
        given = {
            "authorization_code": self.short,
            "fb_exchange_token": self.person,
            "client_credentials": f"{self.app.client_id}|of-the-app",
        }
        if form.get("fb_exchange_token", [self.short]) != [self.short]:
            return error(190, "Error validating access token.")
        return Reply(data={"access_token": given[form["grant_type"][0]], "expires_in": 5_184_000})

    def _person(self, asked: Asked, node: str, edge: str) -> Reply:
        if (node, edge) == ("me", "accounts"):
            page = self.page() | {
                "access_token": self.secret,
                "instagram_business_account": self.account(),
            }
            seen = {"id": "2002", "name": "Not ours"}
            return Reply(data={"data": [page, seen]})
        return error(100, "(#100) Tried accessing nonexisting field (is_published)")

    def page(self) -> Node:
        return {
            "id": PAGE,
            "name": "The Council",
            "username": "council",
            "link": "https://www.facebook.com/council",
            "picture": {"data": {"url": f"{self.url}/a.png"}},
            "is_published": True,
        }

    def account(self) -> Node:
        return {
            "id": ACCOUNT,
            "username": "council",
            "name": "The Council",
            "profile_picture_url": f"{self.url}/a.png",
        }

    def _node(self, asked: Asked, id_: str) -> Reply:
        if asked.method == "DELETE":
            self.nodes.pop(id_)
            del self.kinds[id_]
            return Reply(data={"success": True})
        if id_ == PAGE:
            page = self.page()
            if "instagram_business_account" in asked.one("fields"):
                page["instagram_business_account"] = self.account()
            return Reply(data=page)
        node = self.nodes[id_]
        if asked.method == "POST":
            form = {name: values[0] for name, values in asked.form().items()}
            words = form.pop("description" if self.kinds[id_] == "video" else "message", None)
            node |= form if words is None else {**form, "text": words}
            return Reply(data={"success": True})
        if node.get("container"):
            return Reply(data={"id": id_, "status_code": self._filled(node)})
        return Reply(data=self._shown(node))

    # --- nodes --------------------------------------------------------------------------------

    def make(self, kind: str, id_: str, at: datetime | None = None, **what: Any) -> Node:
        with self.lock:
            node = {"id": id_, "at": at or datetime.now(UTC), **what}
            self.nodes[id_] = node
            self.kinds[id_] = kind
            return node

    def _writer(self, author: str) -> Node:
        if author == PAGE:
            return {"id": PAGE, "name": "The Council"}
        return {"id": author, "name": "A \u202eStranger"}

    def _shown(self, node: Node) -> Node:
        on_instagram = str(self.kinds[node["id"]]).startswith("ig")
        shown: Node = {"id": node["id"]}
        if on_instagram:
            word = "caption" if self.kinds[node["id"]] == "ig media" else "text"
            own = node["author"] == ACCOUNT
            shown |= {
                word: node["text"],
                "timestamp": stamp(node["at"]),
                "username": "council" if own else "stranger",
                "permalink": f"https://www.instagram.com/p/{node['id']}/",
            }
            if word == "text":
                shown["from"] = {"id": node["author"], "username": shown["username"]}
            return shown
        shown |= {
            "message": node["text"],
            "created_time": stamp(node["at"]),
            "permalink_url": f"https://www.facebook.com/shown/{node['id']}",
            "from": self._writer(node["author"]),
        }
        if node.get("parent") and self.kinds.get(node["parent"]) == "comment":
            shown["parent"] = {"id": node["parent"]}
        return shown

    def _page_of(self, nodes: list[Node], asked: Asked, number: int = 0) -> Reply:
        return Reply(
            data=self._cut(nodes, asked.one("after"), number or int(asked.one("limit", "25")))
        )

    def _cut(self, nodes: list[Node], after: str, number: int) -> Node:
        """Newest first, in pages."""
        rows = list(reversed(nodes))
        if after:
            places = [place for place, row in enumerate(rows) if row["id"] == after]
            rows = rows[places[0] + 1 :] if places else []
        cut = rows[:number]
        data = [row.get("shown") or self._shown(row) for row in cut]
        paging: Node = {"cursors": {"after": cut[-1]["id"]}} if cut else {}
        if len(rows) > number:
            paging["next"] = f"{self.url}/next"
        return {"data": data, "paging": paging} if paging else {"data": data}

    def _of(self, **what: Any) -> list[Node]:
        return [
            node
            for node in self.nodes.values()
            if all(node.get(name) == value for name, value in what.items())
        ]

    # --- the Page ---------------------------------------------------------------------------------

    def do_get_tagged(self, asked: Asked, _node: str) -> Reply:
        return self._page_of(self._of(tags=True), asked)

    def do_get_visitor_posts(self, asked: Asked, _node: str) -> Reply:
        return self._page_of(self._of(visits=True), asked)

    def do_get_ratings(self, _asked: Asked, _node: str) -> Reply:
        return Reply(data={"data": self.ratings})

    def do_get_conversations(self, _asked: Asked, _node: str) -> Reply:
        rows = []
        for id_ in self.threads:
            messages = [self._shown(n) for n in reversed(self._of(thread=id_))]
            rows.append({"id": id_, "messages": {"data": messages}})
        return Reply(data={"data": rows})

    def do_get_published_posts(self, asked: Asked, _node: str) -> Reply:
        rows = [n for n in self._of(author=PAGE) if self.kinds[n["id"]] in ("post", "video")]
        reply = self._page_of(rows, asked)
        inner = re.search(r"comments\.limit\((\d+)\)", asked.one("fields"))
        for row in reply.data["data"] if inner else []:
            found = self._of(post=row["id"])
            if found:
                row["comments"] = self._cut(found, "", int(inner[1]))  # type: ignore[index]
        return reply

    def do_post_photos(self, asked: Asked, _node: str) -> Reply:
        parts = asked.parts()
        id_ = self.new_id()
        words = parts.get("alt_text_custom", b"").decode()
        self.make("photo", id_, photo=True, alt=words, data=parts["source"])
        return Reply(data={"id": id_})

    def do_post_feed(self, asked: Asked, _node: str) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        text = form.get("message", "")
        photos = [one["media_fbid"] for one in json.loads(form.get("attached_media", "[]"))]
        if not text and not photos:
            return error(100, "You need some words.")
        if any(photo not in self.nodes for photo in photos):
            return error(100, "Invalid parameter: attached_media")
        last = [n for n in self._of(author=PAGE) if self.kinds[n["id"]] == "post"][-1:]
        if text and last and last[0]["text"] == text and not photos:
            return error(506, "Duplicate status message")
        id_ = f"{PAGE}_{self.new_id()}"
        self.make(
            "post",
            id_,
            author=PAGE,
            text=text,
            link=form.get("link", ""),
            photos=[self.nodes[photo] for photo in photos],
        )
        return Reply(data={"id": id_})

    def do_post_videos(self, asked: Asked, _node: str) -> Reply:
        multipart = asked.headers["content-type"].startswith("multipart")
        parts = asked.parts() if multipart else {}
        form = {k: v.decode() for k, v in parts.items() if k != "video_file_chunk"}
        form |= {} if multipart else {k: v[0] for k, v in asked.form().items()}
        if form["upload_phase"] == "start":
            id_ = self.new_id()
            self.make("photo", id_, size=int(form["file_size"]), data=b"", session=f"s{id_}")
            end = min(int(form["file_size"]), 1_000)
            return Reply(
                data={
                    "upload_session_id": f"s{id_}",
                    "video_id": id_,
                    "start_offset": "0",
                    "end_offset": str(end),
                }
            )
        (node,) = self._of(session=form["upload_session_id"])
        if form["upload_phase"] == "transfer":
            if int(form["start_offset"]) != len(node["data"]):
                return error(1363037, "Wrong offset")
            node["data"] += parts["video_file_chunk"]
            start = len(node["data"])
            end = min(node["size"], start + 1_000)
            return Reply(data={"start_offset": str(start), "end_offset": str(end)})
        self.make("video", node["id"], author=PAGE, text=form.get("description", ""), photos=[node])
        return Reply(data={"success": True})

    def do_post_messages(self, asked: Asked, _node: str) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        self.sent.append({k: json.loads(v) if v[0] == "{" else v for k, v in form.items()})
        return Reply(data={"recipient_id": STRANGER, "message_id": f"m_{self.new_id()}"})

    def do_post_blocked(self, asked: Asked, _node: str) -> Reply:
        self.banned += json.loads(asked.form()["psid"][0])
        return Reply(data={STRANGER: True})

    def do_delete_blocked(self, asked: Asked, _node: str) -> Reply:
        self.banned = [one for one in self.banned if one != asked.one("psid")]
        return Reply(data={"success": True})

    def do_get_comments(self, asked: Asked, node: str) -> Reply:
        if self.kinds[node] == "ig media":
            return self._ig_comments(asked, node)
        found = self._of(post=node) or self._of(parent=node)
        return self._page_of(found, asked)

    def do_post_comments(self, asked: Asked, node: str) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        made = self.comment(PAGE, form.get("message", ""), node)
        return Reply(data={"id": made["id"]})

    def comment(self, author: str, text: str, under: str, at: datetime | None = None) -> Node:
        """A comment under a post or under another comment; Facebook keeps two levels."""
        above = self.nodes[under]
        is_comment = self.kinds[under] == "comment"
        top = above.get("parent") if is_comment else under
        parent = under if not is_comment or self.kinds.get(str(top)) != "comment" else top
        post = above["post"] if is_comment else under
        id_ = f"{post.rpartition('_')[2]}_{self.new_id()}"
        return self.make("comment", id_, at, author=author, text=text, parent=parent, post=post)

    # --- Instagram ----------------------------------------------------------------------------

    def do_get_tags(self, asked: Asked, _node: str) -> Reply:
        return self._page_of(self._of(ig_tags=True), asked)

    def do_get_media(self, asked: Asked, _node: str) -> Reply:
        rows = [n for n in self._of(author=ACCOUNT) if self.kinds[n["id"]] == "ig media"]
        reply = self._page_of(rows, asked)
        if "comments.limit" in asked.one("fields"):
            for row in reply.data["data"]:
                row["comments"] = self._with_replies(row["id"], "", 50)
        return reply

    def _with_replies(self, media: str, after: str, number: int) -> Node:
        found = self._cut(self._of(ig_media=media, ig_parent=""), after, number)
        for row in found["data"]:
            answers = self._of(ig_parent=row["id"])
            if answers:
                row["replies"] = {"data": [self._shown(n) for n in answers]}
        return found

    def _ig_comments(self, asked: Asked, media: str) -> Reply:
        return Reply(data=self._with_replies(media, asked.one("after"), 50))

    def do_get_replies(self, asked: Asked, node: str) -> Reply:
        return self._page_of(self._of(ig_parent=node), asked)

    def do_post_replies(self, asked: Asked, node: str) -> Reply:
        made = self.ig_comment(ACCOUNT, asked.form()["message"][0], node)
        return Reply(data={"id": made["id"]})

    def do_post_mentions(self, asked: Asked, _node: str) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        if form["media_id"] not in self.nodes:
            return error(100, "Object does not exist.", subcode=33)
        made = self.ig_comment(ACCOUNT, form["message"], form["media_id"])
        return Reply(data={"id": made["id"]})

    def ig_comment(self, author: str, text: str, under: str, at: datetime | None = None) -> Node:
        above = self.nodes[under]
        is_comment = self.kinds[under] == "ig comment"
        media = above["ig_media"] if is_comment else under
        parent = (above["ig_parent"] or under) if is_comment else ""
        return self.make(
            "ig comment",
            self.new_id(),
            at,
            author=author,
            text=text,
            ig_media=media,
            ig_parent=parent,
        )

    def do_get_content_publishing_limit(self, _asked: Asked, _node: str) -> Reply:
        return Reply(data={"data": [{"quota_usage": 3, "config": {"quota_total": 100}}]})

    def do_post_media(self, asked: Asked, _node: str) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        children = [one for one in form.get("children", "").split(",") if one]
        if any(child not in self.nodes for child in children):
            return error(100, "Object does not exist.", subcode=33)
        made = self.make("ig media", self.new_id(), container=True, form=form, children=children)
        return Reply(data={"id": made["id"]})

    def _filled(self, node: Node) -> str:
        if node.get("state"):
            return str(node["state"])
        if self.processing > 0:
            self.processing -= 1
            return "IN_PROGRESS"
        url = node["form"].get("image_url") or node["form"].get("video_url")
        if url and node.get("fetched") is None:
            node["fetched"] = self.fetch(url)
        return "FINISHED" if not url or node["fetched"] is not None else "ERROR"

    def do_post_media_publish(self, asked: Asked, _node: str) -> Reply:
        id_ = asked.form()["creation_id"][0]
        if not self.nodes.get(id_, {}).get("container"):
            return error(100, "Object does not exist.", subcode=33)
        container = self.nodes[id_]
        if self._filled(container) != "FINISHED":
            return error(9007, "The media is not ready.", subcode=2207027)
        container["state"] = "PUBLISHED"
        shown = [self.nodes[child] for child in container["children"]] or [container]
        made = self.make(
            "ig media",
            self.new_id(),
            author=ACCOUNT,
            text=container["form"].get("caption", ""),
            form=container["form"],
            photos=[one["form"] for one in shown],
        )
        return Reply(data={"id": made["id"]})

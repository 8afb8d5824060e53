"""Threads of one's own, as far as the adapter speaks to it."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any

from .fake_graph import error, stamp
from .server import Asked, FakeServer, Reply

OWN = "6001"
STRANGER = "6002"
Node = dict[str, Any]


class FakeThreads(FakeServer):
    def __init__(self) -> None:
        self.secret = f"canary-{secrets.token_hex(8)}"
        self.issued = [self.secret]
        self.client_secret = f"canary-app-{secrets.token_hex(8)}"
        self.nodes: dict[str, Node] = {}  # in order of their making
        self.public: dict[str, bytes] = {}
        self.hidden: list[str] = []
        self.processing = 0
        self.count = 100_000
        super().__init__()

    def revoke(self) -> None:
        self.secret = f"other-{secrets.token_hex(8)}"

    def new_id(self) -> str:
        with self.lock:
            self.count += 1
            return f"17{self.count}"

    ROUTES = (
        ("GET", r"/v1\.0/me", "me"),
        ("GET", r"/v1\.0/keyword_search", "search"),
        ("GET", r"/v1\.0/(\d+)/mentions", "mentions"),
        ("GET", r"/v1\.0/(\d+)/threads", "list"),
        ("GET", r"/v1\.0/(\d+)/replies", "replies"),
        ("GET", r"/v1\.0/(\d+)/conversation", "conversation"),
        ("POST", r"/v1\.0/(\d+)/threads", "container"),
        ("POST", r"/v1\.0/(\d+)/threads_publish", "publish"),
        ("POST", r"/v1\.0/(\d+)/manage_reply", "manage"),
        ("GET", r"/v1\.0/(\d+)", "get"),
        ("DELETE", r"/v1\.0/(\d+)", "delete"),
        ("GET", r"/refresh_access_token", "refresh"),
        ("GET", r"/access_token", "exchange"),
        ("POST", r"/oauth/access_token", "token"),
        ("GET", r"/oauth/access_token", "app"),
    )

    def route(self, asked: Asked) -> Reply:
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                open_to_all = name in ("refresh", "exchange", "token", "app")
                bearer = asked.headers.get("authorization", "")
                if not open_to_all and bearer != f"Bearer {self.secret}":
                    return error(190, "Error validating access token.", status=401)
                reply: Reply = getattr(self, f"do_{name}")(asked, *match.groups())
                return reply
        return error(100, "Unsupported request.")

    # --- tokens ---------------------------------------------------------------------------------

    def _new_token(self) -> Reply:
        self.secret = f"canary-{secrets.token_hex(8)}"
        self.issued.append(self.secret)
        return Reply(data={"access_token": self.secret, "expires_in": 60 * 86_400})

    def do_refresh(self, asked: Asked) -> Reply:
        if (
            asked.one("grant_type") != "th_refresh_token"
            or asked.one("access_token") != self.secret
        ):
            return error(190, "Not valid.")
        return self._new_token()

    def do_exchange(self, asked: Asked) -> Reply:
        if asked.one("grant_type") != "th_exchange_token" or asked.one("access_token") != "short":
            return error(190, "Not valid.")
        assert asked.one("client_secret") == self.client_secret
        return self._new_token()

    def do_token(self, asked: Asked) -> Reply:
        if asked.form()["code"] != ["canary-code-5b81"]:
            return Reply(400, {"error": "invalid_grant"})
        return Reply(data={"access_token": "short", "user_id": 6001})

    def do_app(self, asked: Asked) -> Reply:
        if asked.one("client_secret") != self.client_secret:
            return error(1, "Error validating client secret.")
        return Reply(data={"access_token": "TH|of-the-app"})

    # --- nodes ----------------------------------------------------------------------------------

    def make(
        self, author: str, text: str, *, parent: str = "", at: datetime | None = None, **more: Any
    ) -> Node:
        with self.lock:
            id_ = self.new_id()
            above = self.nodes.get(parent, {})
            self.nodes[id_] = {
                "id": id_,
                "author": author,
                "text": text,
                "at": at or datetime.now(UTC),
                "parent": parent,
                "root": above.get("root") or parent,
                "media": [],
                **more,
            }
            return self.nodes[id_]

    def _shown(self, node: Node) -> Node:
        shown = {
            "id": node["id"],
            "text": node["text"],
            "timestamp": stamp(node["at"]),
            "username": "council" if node["author"] == OWN else "stranger",
            "permalink": f"https://www.threads.net/@x/post/{node['id']}",
            "is_reply": bool(node["parent"]),
            "has_replies": any(n.get("parent") == node["id"] for n in self.nodes.values()),
        }
        if node["parent"]:
            shown |= {"replied_to": {"id": node["parent"]}, "root_post": {"id": node["root"]}}
        return shown

    def _page(self, nodes: list[Node], asked: Asked) -> Reply:
        rows = list(reversed(nodes))
        after, number = asked.one("after"), int(asked.one("limit", "25"))
        if after:
            places = [place for place, row in enumerate(rows) if row["id"] == after]
            rows = rows[places[0] + 1 :] if places else []
        cut = rows[:number]
        paging: Node = {"cursors": {"after": cut[-1]["id"]}} if cut else {}
        if len(rows) > number:
            paging["next"] = f"{self.url}/next"
        return Reply(data={"data": [self._shown(row) for row in cut], "paging": paging})

    def _posts(self) -> list[Node]:
        return [node for node in self.nodes.values() if "author" in node]

    def do_me(self, _asked: Asked) -> Reply:
        return Reply(
            data={
                "id": OWN,
                "username": "council",
                "name": "The Council",
                "threads_profile_picture_url": f"{self.url}/a.png",
            }
        )

    def do_mentions(self, asked: Asked, _id: str) -> Reply:
        return self._page([n for n in self._posts() if n.get("names")], asked)

    def do_list(self, asked: Asked, _id: str) -> Reply:
        own = [n for n in self._posts() if n["author"] == OWN and not n["parent"]]
        return self._page(own, asked)

    def do_replies(self, asked: Asked, _id: str) -> Reply:
        return self._page([n for n in self._posts() if n["author"] == OWN and n["parent"]], asked)

    def do_conversation(self, asked: Asked, id_: str) -> Reply:
        return self._page([n for n in self._posts() if n["root"] == id_], asked)

    def do_search(self, asked: Asked) -> Reply:
        assert asked.one("search_type") == "RECENT"
        words = asked.one("q").lower()
        return self._page([n for n in self._posts() if words in n["text"].lower()], asked)

    def do_get(self, _asked: Asked, id_: str) -> Reply:
        node = self.nodes.get(id_)
        if node is None:
            return error(100, "Object does not exist.", subcode=33)
        if "author" in node:
            return Reply(data=self._shown(node))
        return Reply(data={"id": id_, "status": self._status(node)})

    def _status(self, node: Node) -> str:
        if node.get("state"):
            return str(node["state"])
        if self.processing > 0:
            self.processing -= 1
            return "IN_PROGRESS"
        url = node["form"].get("image_url") or node["form"].get("video_url")
        return "FINISHED" if not url or url in self.public else "ERROR"

    def do_container(self, asked: Asked, _id: str) -> Reply:
        form = {name: values[0] for name, values in asked.form().items()}
        children = [one for one in form.get("children", "").split(",") if one]
        above = [form["reply_to_id"]] if "reply_to_id" in form else []
        if any(one not in self.nodes for one in (*children, *above)):
            return error(100, "Object does not exist.", subcode=33)
        if form["media_type"] not in ("TEXT", "IMAGE", "VIDEO", "CAROUSEL"):
            return error(100, "Invalid parameter: media_type")
        if form["media_type"] == "TEXT" and not form.get("text"):
            return error(100, "Invalid parameter: text")
        id_ = self.new_id()
        self.nodes[id_] = {"id": id_, "form": form, "children": children}
        return Reply(data={"id": id_})

    def do_publish(self, asked: Asked, _id: str) -> Reply:
        container = self.nodes.get(asked.form()["creation_id"][0])
        if container is None or "form" not in container:
            return error(100, "Object does not exist.", subcode=33)
        if self._status(container) != "FINISHED":
            return error(24, "The media is not ready.", subcode=2207027)
        container["state"] = "PUBLISHED"
        form = container["form"]
        shown = [self.nodes[child]["form"] for child in container["children"]]
        if form["media_type"] in ("IMAGE", "VIDEO"):
            shown = [form]
        parent = form.get("reply_to_id", "")
        made = self.make(OWN, form.get("text", ""), parent=parent, media=shown, sent=form)
        return Reply(data={"id": made["id"]})

    def do_manage(self, asked: Asked, id_: str) -> Reply:
        hide = asked.form()["hide"] == ["true"]
        self.hidden = [one for one in self.hidden if one != id_] + ([id_] if hide else [])
        return Reply(data={"success": True})

    def do_delete(self, _asked: Asked, id_: str) -> Reply:
        if self.nodes.pop(id_, None) is None:
            return error(100, "Object does not exist.", subcode=33)
        return Reply(data={"success": True, "deleted_id": id_})

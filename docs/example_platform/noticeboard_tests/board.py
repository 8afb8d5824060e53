"""A notice board of one's own: speaks the board's interface, as far as the adapter does.

`tests.platforms.server` of Socialdesk brings the HTTP, the ledger of what arrived, and the faults.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any

from tests.platforms.server import Asked, FakeServer, Reply

OFFICE = "7"
LETTERS = 600
Row = dict[str, Any]


class FakeBoard(FakeServer):
    def __init__(self) -> None:
        self.key = f"canary-{secrets.token_hex(12)}"
        self.withdrawn = False
        self.rows: list[Row] = []  # notices and notes, as they can be read
        self.pictures: dict[str, int] = {}  # sizes of those that no notice has taken up, or has
        self.keys: dict[str, str] = {}  # idempotency key: id of its notice
        self.count = 1_000
        super().__init__()

    ROUTES = (
        ("GET", r"/api/office", "office"),
        ("GET", r"/api/rules", "rules"),
        ("POST", r"/api/pictures", "picture"),
        ("POST", r"/api/notices", "post"),
        ("GET", r"/api/notices", "notices"),
        ("DELETE", r"/api/notices/(\w+)", "delete"),
        ("GET", r"/api/notes", "notes"),
        ("POST", r"/api/notes/(\w+)/(hide|show)", "hide"),
    )

    def route(self, asked: Asked) -> Reply:
        if asked.headers.get("authorization") != f"Bearer {self.key}":
            return refuse(401, "bad_key", "This is the key of no office.")
        if self.withdrawn:
            return refuse(403, "key_withdrawn", "The key of this office was taken back.")
        for method, pattern, name in self.ROUTES:
            match = re.fullmatch(pattern, asked.path)
            if match and method == asked.method:
                reply: Reply = getattr(self, f"do_{name}")(asked, *match.groups())
                return reply
        return refuse(404, "no_such_page", "There is no such page.")

    # --- the office -----------------------------------------------------------------------------

    def do_office(self, _asked: Asked) -> Reply:
        office = {"id": OFFICE, "name": "council", "title": "The Council"}
        return Reply(data={**office, "url": f"{self.url}/council"})

    def do_rules(self, _asked: Asked) -> Reply:
        return Reply(data={"letters": LETTERS, "pictures": 4, "picture_bytes": 400_000})

    # --- writing --------------------------------------------------------------------------------

    def do_picture(self, asked: Asked) -> Reply:
        id_ = f"p{self._next()}"
        self.pictures[id_] = len(asked.body)
        return Reply(201, {"id": id_})

    def do_post(self, asked: Asked) -> Reply:
        told, key = asked.json(), asked.headers["idempotency-key"]
        if key in self.keys:
            return Reply(200, self._shown(self._row(self.keys[key])))
        if len(told["text"]) > LETTERS or not (told["text"] or told["pictures"]):
            return refuse(422, "bad_text", f"A notice has 1 to {LETTERS} letters.")
        if any(one["id"] not in self.pictures for one in told["pictures"]):
            return refuse(422, "no_such_picture", "There is no such picture.")
        if told["under"] and not self._row(told["under"]):
            return refuse(404, "no_such_notice", "There is no such notice.")
        row = self.add(told["text"], under=told["under"] or "", pictures=told["pictures"])
        self.keys[key] = row["id"]
        return Reply(201, self._shown(row))

    def do_delete(self, _asked: Asked, id_: str) -> Reply:
        row = self._row(id_)
        if not row:
            return refuse(404, "no_such_notice", "There is no such notice.")
        self.rows.remove(row)
        return Reply(204, body=b"")

    def do_hide(self, _asked: Asked, id_: str, act: str) -> Reply:
        row = self._row(id_)
        if not row:
            return refuse(404, "no_such_note", "There is no such note.")
        row["hidden"] = act == "hide"
        return Reply(204, body=b"")

    # --- reading --------------------------------------------------------------------------------

    def do_notices(self, asked: Asked) -> Reply:
        own = [row for row in self.rows if not row["from"]]
        if "key" in asked.query:
            own = [row for row in own if row["id"] == self.keys.get(asked.one("key"))]
            return Reply(data={"items": [self._shown(row) for row in own]})
        return self._page(own, asked)

    def do_notes(self, asked: Asked) -> Reply:
        return self._page([row for row in self.rows if row["to_us"]], asked)

    def _page(self, rows: list[Row], asked: Asked) -> Reply:
        number, after = int(asked.one("limit")), int(asked.one("after", "0"))
        if "newest" in asked.query:
            rows, left = rows[-number:], []
        else:
            rows = [row for row in rows if row["number"] > after]
            rows, left = rows[:number], rows[number:]
        last = rows[-1]["number"] if rows else after
        shown = [self._shown(row) for row in rows]
        return Reply(data={"items": shown, "last": last, "more": bool(left)})

    # --- what is there --------------------------------------------------------------------------

    def add(self, text: str, *, under: str = "", at: datetime | None = None, **more: Any) -> Row:
        """A notice, or with `sender` a resident's note; `to_us`: the office gets to read it."""
        with self.lock:
            number = self._next()
            above = self._row(under)
            row = {
                "id": str(number),
                "number": number,
                "text": text,
                "under": under,
                "begun_by": above["begun_by"] or above["id"] if above else "",
                "at": at or datetime.now(UTC),
                "pictures": more.get("pictures", []),
                "from": more.get("sender", ""),
                "to_us": more.get("to_us", False),
                "hidden": False,
            }
            self.rows.append(row)
            return row

    def _next(self) -> int:
        with self.lock:
            self.count += 1
            return self.count

    def _row(self, id_: str) -> Row:
        return next((row for row in self.rows if row["id"] == id_), {})

    def _shown(self, row: Row) -> Row:
        who = {
            "id": "21",
            "name": row["from"] or "council",
            # A name that would turn the order of the letters round, and an address that is none.
            "title": "A \u202eStranger" if row["from"] else "The Council",
            "url": "javascript:alert(1)",
        }
        return {
            "id": row["id"],
            "url": f"{self.url}/notices/{row['id']}",
            "text": row["text"],
            "under": row["under"] or None,
            "begun_by": row["begun_by"] or None,
            "posted_at": row["at"].isoformat(),
            "from": who,
        }


def refuse(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": code, "message": message})

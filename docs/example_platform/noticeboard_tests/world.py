"""The board as the contract suite of Socialdesk sees it: what one can do and see there."""

from __future__ import annotations

from datetime import datetime

from tests.platforms.world import Seen, World, path

from .board import OFFICE, FakeBoard


class NoticeboardWorld(World):
    key = "noticeboard"
    handle = "council"
    remote_id = OFFICE
    mentionable = "@stranger"
    # The requests that publish, take down, upload, read and prove: where the suite puts its faults.
    writes = staticmethod(path("POST", "/api/notices"))
    deletes = staticmethod(lambda asked: asked.method == "DELETE")
    uploads = staticmethod(path("POST", "/api/pictures"))
    reads = staticmethod(path("GET", "/api/notes"))
    verifies = staticmethod(path("GET", "/api/office"))

    def __init__(self) -> None:
        super().__init__()
        self.server = self.board = FakeBoard()
        self._key = self.board.key

    @property
    def secret(self) -> str:
        return self._key

    def posts(self) -> list[Seen]:
        return [
            Seen(
                row["id"],
                row["text"],
                tuple(one["description"] for one in row["pictures"]),
                tuple(self.board.pictures[one["id"]] for one in row["pictures"]),
                row["under"],
            )
            for row in self.board.rows
            if not row["from"]
        ]

    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        row = self.board.add(text, under=reply_to, at=at, sender="stranger", to_us=True)
        return str(row["id"])

    def stranger_posts(self, text: str) -> str:
        return str(self.board.add(text, sender="stranger")["id"])

    def post_elsewhere(self, text: str) -> str:
        return str(self.board.add(text)["id"])

    def hidden(self) -> list[str]:
        return [row["id"] for row in self.board.rows if row["hidden"]]

    def revoke(self) -> None:
        self.board.withdrawn = True

    def throw_uploads_away(self) -> None:
        self.board.pictures.clear()

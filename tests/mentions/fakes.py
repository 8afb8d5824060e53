"""A network whose answers the tests write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from platforms.contract import Batch, Incoming, MentionKind, RemotePerson, ReplyRef

AT = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def incoming(number: int = 1, **changes: Any) -> Incoming:
    """A mention by stranger-1 unless told otherwise."""
    author = RemotePerson(
        changes.pop("author_id", "stranger-1"),
        changes.pop("handle", "@sam"),
        changes.pop("name", "Sam Ortega"),
        "https://elsewhere.example/sam",
    )
    values: dict[str, Any] = {
        "remote_id": f"m-{number}",
        "kind": MentionKind.MENTION,
        "author": author,
        "text": f"Is the bridge open? {number}",
        "posted_at": AT.replace(minute=number % 60),
        "permalink": f"https://elsewhere.example/m/{number}",
        "reply_ref": ReplyRef(f"m-{number}", {"cid": f"c{number}"}),
        "thread_id": f"t-{number}",
    }
    return Incoming(**values | changes)


class FakeNetwork:
    """Answers `fetch_mentions` from pages: cursor to a Batch, an error to raise, or a callable."""

    def __init__(self) -> None:
        self.pages: dict[str, Batch[Incoming] | Exception | Callable[[], Batch[Incoming]]] = {}
        self.asked: list[str] = []
        self.acts: list[tuple[str, str]] = []  # what keeps order: the act, and on what
        self.trouble: Exception | None = None  # what each of these runs into

    def page(
        self, items: Sequence[Incoming], *, at: str = "", to: str = "c1", more: bool = False
    ) -> None:
        self.pages[at] = Batch(list(items), to, more)

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        self.asked.append(cursor)
        answer = self.pages.get(cursor, Batch([], cursor))
        if isinstance(answer, Exception):
            raise answer
        return answer() if callable(answer) else answer

    def hide(self, remote_id: str) -> None:
        self._act("hide", remote_id)

    def show(self, remote_id: str) -> None:
        self._act("show", remote_id)

    def remove(self, remote_id: str) -> None:
        self._act("remove", remote_id)

    def block(self, remote_person_id: str) -> None:
        self._act("block", remote_person_id)

    def unblock(self, remote_person_id: str) -> None:
        self._act("unblock", remote_person_id)

    def _act(self, name: str, remote_id: str) -> None:
        self.acts.append((name, remote_id))
        if self.trouble is not None:
            raise self.trouble

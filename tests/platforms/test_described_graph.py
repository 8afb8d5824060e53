"""Each request to the Graph API is held against Meta's own types; here, that it refuses."""

from __future__ import annotations

import pytest

from . import described_graph
from .server import Asked


def asked(method: str, path: str, body: str = "", **query: str) -> Asked:
    return Asked(
        method,
        f"/v23.0/{path}",
        {name: [value] for name, value in query.items()},
        {"content-type": "application/x-www-form-urlencoded"},
        body.encode(),
    )


def test_what_meta_describes_passes() -> None:
    media = "message=Hi&attached_media=%5B%7B%22media_fbid%22%3A1%7D%5D"
    assert described_graph.problems(asked("POST", "1/feed", media), "page") == []
    assert described_graph.problems(asked("GET", "1/tagged", fields="id"), "page") == []
    assert described_graph.problems(asked("DELETE", "1_2"), "post") == []
    assert described_graph.problems(asked("DELETE", "1/blocked", psid="7"), "page") == []
    ordered = asked("GET", "1_2/comments", filter="stream", order="reverse_chronological")
    assert described_graph.problems(ordered, "post") == []


@pytest.mark.parametrize(
    ("wrong", "node"),
    [
        (asked("POST", "1/feeds", "message=Hi"), "page"),
        (asked("PUT", "1/feed", "message=Hi"), "page"),
        (asked("POST", "1/feed", "text=Hi"), "page"),
        (asked("POST", "1/feed", "published=perhaps"), "page"),
        (asked("POST", "1/feed", "attached_media=7"), "page"),
        (asked("POST", "1/feed", "attached_media=%7B%22media_fbid%22%3A1%7D"), "page"),
        (asked("POST", "1/messages", "messaging_type=SHOUT"), "page"),
        (asked("POST", "1/blocked", "psid=%5B%22x%22%5D"), "page"),
        (asked("GET", "1_2/comments", order="random"), "post"),
        (asked("POST", "7", "hide=true"), "comment"),
        (asked("POST", "7", "is_hidden=true"), "ig comment"),
        (asked("POST", "4/media", "image=x"), "ig account"),
        (asked("POST", "4/media_publish", "creation_id=abc"), "ig account"),
    ],
    ids=lambda one: f"{one.method} {one.path} {one.body[:30]!r}" if isinstance(one, Asked) else one,
)
def test_what_meta_does_not_describe_is_noticed(wrong: Asked, node: str) -> None:
    assert described_graph.problems(wrong, node)

"""Every request to X in these tests is held against X's own description; here, that it refuses."""

from __future__ import annotations

import json

import pytest

from .described_x import description, problems
from .server import Asked

pytestmark = pytest.mark.skipif(
    description() is None,
    reason="X's OpenAPI description is not here: name it by X_OPENAPI or lay it in shared/specs. "
    "The requests to X were not checked against it.",
)


def asked(method: str, path: str, body: object = None, **query: str) -> Asked:
    return Asked(
        method,
        path,
        {name.replace("__", "."): [value] for name, value in query.items()},
        {"content-type": "application/json"},
        json.dumps(body).encode() if body is not None else b"",
    )


def test_what_x_describes_passes() -> None:
    assert problems(asked("POST", "/2/tweets", {"text": "Hello."})) == []
    assert problems(asked("GET", "/2/users/7/mentions", max_results="50", since_id="12")) == []
    assert problems(asked("DELETE", "/2/tweets/7")) == []


@pytest.mark.parametrize(
    "wrong",
    [
        asked("POST", "/2/tweet", {"text": "Hello."}),
        asked("PUT", "/2/tweets", {"text": "Hello."}),
        asked("POST", "/2/tweets"),
        asked("POST", "/2/tweets", {"text": 7}),
        asked("POST", "/2/tweets", {"text": "Hello.", "images": []}),
        asked("POST", "/2/tweets", {"media": {"media_ids": []}}),
        asked("POST", "/2/tweets", {"media": {"media_ids": ["1", "2", "3", "4", "5"]}}),
        asked("POST", "/2/tweets", {"poll": {"options": ["one"], "duration_minutes": 5}}),
        asked("POST", "/2/tweets", {"reply_settings": "everyone"}),
        asked("GET", "/2/users/7/mentions", max_results="500"),
        asked("GET", "/2/users/seven/mentions"),
        asked("GET", "/2/users/7/mentions", tweet__fields="text,colour"),
        asked("GET", "/2/users/7/mentions", colour="red"),
        asked("GET", "/2/tweets/search/recent"),
        asked("POST", "/2/media/upload", {"media": "no base64!", "media_category": "tweet_image"}),
        asked("POST", "/2/media/upload", {"media": "aGVsbG8=", "media_category": "picture"}),
        asked("POST", "/2/media/upload/7/finalize", {"x": 1}),
        asked("DELETE", "/2/tweets/abc"),
    ],
    ids=lambda one: f"{one.method} {one.path} {one.query} {one.body[:40]!r}",
)
def test_what_x_does_not_describe_is_noticed(wrong: Asked) -> None:
    assert problems(wrong)

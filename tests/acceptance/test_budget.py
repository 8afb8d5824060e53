"""What a page costs: at most twelve questions to the database on the demo data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from mentions.models import Conversation
from socialdesk import demo
from tests.platforms.sandbox_network import running_sandbox

BUDGET = 12
PAGES = {
    "my day": "/",
    "calendar month": "/calendar/",
    "calendar list": "/calendar/?view=list",
    "inbox": "/inbox/",
    "conversation": "/inbox/{conversation}/",
    "compose": "/posts/new/",
    "approvals": "/approvals/",
    "record": "/record/",
    "accounts": "/accounts/",
    "held": "/held/",
    "your conditions": "/settings/conditions/",
    "reviews": "/reviews/",
    "unknown": "/unknown/",
}


@pytest.fixture
def northmoor(db: None, settings: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The demo data, made as `seed_demo` makes it, over a Sandbox with the demo's life on it."""
    with running_sandbox(tmp_path_factory.mktemp("budget") / "sandbox", "--seed") as sandbox:
        settings.SANDBOX_URL = sandbox.url
        settings.ALLOW_PRIVATE_HOSTS = frozenset({sandbox.url.removeprefix("http://")})
        demo.seed()
        yield


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("northmoor")
def test_pages_ask_the_database_at_most_twelve_times(sign_in: Callable[[User], Client]) -> None:
    talk = Conversation.objects.filter(account__handle="northmoor_police").latest("pk")
    asked: dict[tuple[str, str], int] = {}
    over: dict[tuple[str, str], list[str]] = {}
    for person in demo.PEOPLE:
        client = sign_in(User.objects.get(email=person.email))
        for name, path in PAGES.items():
            client.get(path.format(conversation=talk.pk))  # what only the first request pays for
            with CaptureQueriesContext(connection) as questions:
                answer = client.get(path.format(conversation=talk.pk))
            if name in ("conversation", "record") and person.key == "admin":
                assert answer.status_code == 403  # no content by being administrator
                continue
            assert answer.status_code == 200, (person.key, path)
            asked[person.key, name] = len(questions)
            if len(questions) > BUDGET:
                over[person.key, name] = [(one["sql"] or "")[:160] for one in questions]
    assert len(asked) == len(demo.PEOPLE) * len(PAGES) - 2
    assert min(asked.values()) > 0
    told = [f"{asked[key]} {key}\n  " + "\n  ".join(queries) for key, queries in over.items()]
    assert not told, "\n".join(told)

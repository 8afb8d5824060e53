"""One world for a file of tests, never committed; each question is asked of it as it was made."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.test import override_settings

from audit.actors import Actor
from socialdesk import context
from tests.conftest import calm
from tests.rights.world import World, build


@contextmanager
def undone() -> Iterator[None]:
    """What happens in here has not happened afterwards; the application cannot tell."""
    block = transaction.atomic()
    block._from_testcase = True  # type: ignore[attr-defined]  # as TestCase marks its own
    with block:
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    pictures = tmp_path_factory.mktemp("media")
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock(), undone():
        # Nobody reads what thousands of requests log, and writing it takes a tenth of the time.
        patch.setattr(logging.root.manager, "disable", logging.CRITICAL)
        with override_settings(**calm(pictures)):
            made = build(pictures)
        patch.setattr("accounts.connections.open_adapter", made.network.open)
        # Thousands of refusals: that each is one counts here, how its page looks elsewhere.
        patch.setattr("socialdesk.middleware.render", _plainly)
        # The frame is the same around all of a person's pages: its parts are asked for once.
        for part in ("waiting_counts", "unread_count", "in_force_for"):
            patch.setattr(f"socialdesk.context.{part}", _once(getattr(context, part)))
        yield made


def _once(ask: Callable[[Actor], Any]) -> Callable[[Actor], Any]:
    """The same question, whose answer for each person is kept."""
    told: dict[int | None, Any] = {}

    def asked(actor: Actor) -> Any:
        if actor.id not in told:
            told[actor.id] = ask(actor)
        return told[actor.id]

    return asked


def _plainly(
    request: HttpRequest, template: str, context: Any = None, *, status: int
) -> HttpResponse:
    return HttpResponse(f"{template} {context or ''}", status=status)


@pytest.fixture
def db(_calm: None, settings: Any, world: World) -> Iterator[None]:
    """Stands for pytest-django's: what a test does is undone, and the world stays."""
    settings.MEDIA_ROOT = world.media_root
    with undone():
        yield

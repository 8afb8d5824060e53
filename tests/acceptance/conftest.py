"""One running Socialdesk for all acceptance tests of a worker, and a Chromium for each file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from .people import running_chromium
from .stage import Stage, running_stage


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Socialdesk as `make run` starts it, with the demo data; tests add to it and share it."""
    with running_stage(tmp_path_factory.mktemp("stage")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium. It does not outlive its file: others start their own in the same process."""
    with running_chromium() as opened:
        yield opened

"""Fixtures of the platforms' tests. Nothing here needs a database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .worlds import WORLDS, World


@pytest.fixture(params=list(WORLDS))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A network to act on; every test runs on each of them."""
    made = WORLDS[request.param]()
    yield made
    made.close()

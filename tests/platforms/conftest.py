"""Fixtures of the platforms' tests. Nothing here needs a database."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from .worlds import TRIED, World


@pytest.fixture(autouse=True)
def uncollected(request: pytest.FixtureRequest) -> Iterator[None]:
    """An answer nested beyond measure is read to the limit of recursion; a collection that happens
    to begin there fails in whatever it collects, and pytest takes that for the test's failure."""
    if request.config.getoption("--hypothesis-profile") == "long":  # too much to keep
        yield
        return
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(params=list(TRIED))
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A network to act on; every test runs on each of them."""
    made = TRIED[request.param]()
    yield made
    made.close()

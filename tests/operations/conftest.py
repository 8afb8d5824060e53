"""The desk and the platform of the scheduling tests, here as well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from operations import hearts
from tests.scheduling.conftest import desk, network

__all__ = ["desk", "network"]


@pytest.fixture(autouse=True)
def _no_signs() -> Iterator[None]:
    """No process has said anything yet."""
    client = hearts._client()
    client.delete(hearts._KEY)
    yield
    client.delete(hearts._KEY)

from __future__ import annotations

import pytest

from audit.actions import EVENTS


@pytest.fixture
def declared(monkeypatch):
    """Two event names that exist for one test."""
    monkeypatch.setitem(EVENTS, "test.done", "did a test")
    monkeypatch.setitem(EVENTS, "test.more", "did more of a test")

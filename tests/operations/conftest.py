"""The desk and the platform of the scheduling tests, here as well."""

from __future__ import annotations

from tests.scheduling.conftest import desk, network

__all__ = ["desk", "network"]

"""The network the tests marked `real` run against: started once, on the first test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .network import bluesky
from .packages import install
from .people import Bluesky

HERE = Path(__file__).resolve().parent
SECONDS = 900  # the first test may have to wait until the packages are installed


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("real")
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def bluesky_network(pytestconfig: pytest.Config) -> Iterator[Bluesky]:
    """The real Bluesky network on this machine; it knows nothing at the start, and is shared."""
    shown = pytestconfig.pluginmanager.getplugin("capturemanager")
    with shown.global_and_fixture_disabled():  # the first installation takes minutes: say so
        install()
    with bluesky() as addresses:
        network = Bluesky(addresses)
        yield network
        network.close()

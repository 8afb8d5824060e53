"""One world for all fault tests of a run, and the table at its end."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.plugin import DjangoDbBlocker

import tests.services
from tests.factories import UserFactory

from . import adapters
from .networks import FaultyNetwork, Kind
from .verdict import HEAD, Result
from .world import World

HERE = Path(__file__).resolve().parent
SEED = int(os.environ.get("FAULTS_SEED", "2026"))
SCALE = int(os.environ.get("FAULTS_SCALE", "1"))
"""How many times the short form's deliveries; `make test-faults-long` sets it."""
_results = pytest.StashKey[list[Result]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("faults")
            item.add_marker(pytest.mark.timeout(600 * SCALE))


@pytest.fixture(scope="session")
def world(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
    pytestconfig: pytest.Config,
) -> Iterator[World]:
    """Servers, networks and people; each scenario says what runs.

    The database is the run's own, and what workers commit is seen by all and stays.
    """
    adapters.register()
    services = tests.services.running()
    networks = {kind: FaultyNetwork(kind, SEED) for kind in Kind}
    with django_db_blocker.unblock():
        call_command("migrate", verbosity=0)
        made = World(
            services, tmp_path_factory.mktemp("world"), SEED, SCALE, networks, UserFactory()
        )
        made.clock.write_text("0")
        pytestconfig.stash[_results] = made.results
        yield made
        made.stop()
        made.forget_connections()
    for network in networks.values():
        network.close()


@pytest.fixture
def began(world: World) -> Iterator[float]:
    """When the scenario began; the networks are good and forget their count of faults."""
    world.fault(0.0)
    for network in world.networks.values():
        network.injected.clear()
    yield time.time()
    world.clock.write_text("0")


@pytest.fixture(scope="session")
def scaled() -> Callable[[int], int]:
    """A number of deliveries, for the short form or the long one."""
    return lambda number: number * SCALE


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    results = config.stash.get(_results, [])
    if results:
        terminalreporter.section(f"kill matrix, seed {SEED}, scale {SCALE}")
        for line in (HEAD, *(result.line() for result in results)):
            terminalreporter.write_line(line)

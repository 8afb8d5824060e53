"""Pytest plugin: PostgreSQL and Valkey for one run of the tests, and the settings they need.

Loaded by `-p tests.services`, because Django reads its settings before any conftest is read.
Servers named by DATABASE_URL and REDIS_URL are used instead where they are set. With xdist the
controller starts the servers, its workers inherit the addresses, and pytest-django gives each
worker a database of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest

from socialdesk.launcher.environment import is_given
from socialdesk.launcher.keys import credential_key, record_key, secret_key
from socialdesk.launcher.layout import PROJECT, Layout
from socialdesk.launcher.services import Services

SUPERUSER = "TESTS_SUPERUSER_PASSWORD"
"""Where the embedded server's own administrator's password is, for tests that act as them."""

_running: list[Services] = []
_REQUIRE = "SOCIALDESK_REQUIRE_TOOLS"
_REQUIRED = "REQUIRE_TOOLS"  # the settings refuse SOCIALDESK_ names they do not know
_OF_TOOLS = ("browser", "ffmpeg", "real")
"""Marks of the tests that need more than Python: Chromium, ffmpeg, Node."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, args: list[str]
) -> Generator[None, None, None]:
    if required := os.environ.pop(_REQUIRE, ""):
        os.environ[_REQUIRED] = required
    os.environ.setdefault("SOCIALDESK_DEBUG", "yes")
    os.environ.setdefault("SOCIALDESK_SECRET_KEY", secret_key())
    os.environ.setdefault("SOCIALDESK_CREDENTIAL_KEYS", credential_key())
    os.environ.setdefault("SOCIALDESK_RECORD_KEYS", record_key())
    _keep_bytecode()
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        _have_a_broker_of_ones_own(int(worker.removeprefix("gw")))
    options = early_config.known_args_namespace
    if "PYTEST_XDIST_WORKER" not in os.environ and not (options.help or options.version):
        _start()
    yield


def _keep_bytecode() -> None:
    """Where Python is told to keep none, each of the many processes that tests start would compile
    Django and all of us anew, for three seconds: it is kept in a folder of ours instead."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", "") and not sys.pycache_prefix:
        sys.dont_write_bytecode = False
        sys.pycache_prefix = str(PROJECT / "build" / "bytecode")
        os.environ["PYTHONPYCACHEPREFIX"] = sys.pycache_prefix


def _have_a_broker_of_ones_own(number: int) -> None:
    """What one worker's tests put into Redis or empty there is no other worker's business."""
    address = urlsplit(os.environ["REDIS_URL"])
    os.environ["REDIS_URL"] = urlunsplit(address._replace(path=f"/{1 + number % 8}"))


def _start() -> None:
    folder = Path(tempfile.mkdtemp(prefix="socialdesk-tests-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if not is_given(os.environ, "SOCIALDESK_DATA_DIR"):
        os.environ["SOCIALDESK_DATA_DIR"] = str(folder / "data")
    # Those who crash the servers want them as they run in earnest.
    durable = os.environ.get("DURABLE_SERVICES") == "yes"
    services = Services(Layout(folder), os.environ, durable=durable)
    services.start()
    _running.append(services)
    atexit.register(services.stop)  # registered last, so it runs before the folder goes
    os.environ.update(services.urls)
    if services.postgres is not None:
        os.environ[SUPERUSER] = services.postgres.admin_password


def running() -> Services:
    """The servers of this run, for tests that do something to them."""
    (services,) = _running
    return services


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("ffmpeg") and not (
        shutil.which("ffmpeg") and shutil.which("ffprobe")
    ):
        pytest.skip("there is no ffmpeg here")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where the tools are demanded (CI), a test that skips itself for want of one has failed."""
    report = yield
    wanted = os.environ.get(_REQUIRED) and any(map(item.get_closest_marker, _OF_TOOLS))
    if wanted and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"may not be skipped here ({_REQUIRE} is set): {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file that skips itself has failed there too."""
    report = yield
    if os.environ.get(_REQUIRED) and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"may not be skipped here ({_REQUIRE} is set): {report.longrepr}"
    return report

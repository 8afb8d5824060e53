"""The whole of Socialdesk for the acceptance tests: what `make run` starts, on ports of its own.

The launcher itself starts the Sandbox, web, worker and beat over a database of their own, filled
with the demo. Nothing in it belongs to the process of the tests, which looks at it from outside:
through the pages, through the network's own account of what arrived, and by SQL.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from socialdesk.launcher import ports
from socialdesk.launcher.layout import PROJECT
from tests.platforms.sandbox_network import SandboxNetwork

DEMO_PASSWORD = "northmoor-demo-2026"
READY_SECONDS = 240.0  # ten on a machine with nothing else to do
STOP_SECONDS = 60.0
_SETTINGS = "socialdesk.settings"
_BROKER = "/9"  # the tests' own cache is in database 0 of the same server


@dataclass(frozen=True, slots=True)
class Stage:
    """A running Socialdesk. `url` has no slash at the end."""

    url: str
    sandbox: SandboxNetwork
    database: str
    log: Path
    env: Mapping[str, str] = field(repr=False)

    def run(self, code: str) -> str:
        """What `code` prints with Django set up for this installation, in a process of its own."""
        begin = "import django\ndjango.setup()\n"
        done = subprocess.run(
            [sys.executable, "-c", begin + code],
            cwd=PROJECT,
            env=dict(self.env),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, query: str, *values: Any) -> list[dict[str, Any]]:
        """What is in its database now."""
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> dict[str, Any]:
        (only,) = self.rows(query, *values)
        return only


@contextmanager
def running_stage(folder: Path, extra: Mapping[str, str] | None = None) -> Iterator[Stage]:
    """Socialdesk with its data in `folder` and a new database, until the end of the block."""
    port = _free_pair()
    with _new_database() as database:
        log = folder / "stage.log"
        env = _environment(folder / "data", database) | dict(extra or {})
        with log.open("wb") as out:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "socialdesk.launcher", "run"),
                    *(f"--port={port}", "--end-with-parent"),
                ],
                cwd=PROJECT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_until_ready(process, log)
            sandbox = SandboxNetwork(
                f"http://127.0.0.1:{port + 1}", folder / "data" / "sandbox", process
            )
            yield Stage(f"http://127.0.0.1:{port}", sandbox, database, log, _running(folder))
        finally:
            _stop(process)


def _environment(data: Path, database: str) -> dict[str, str]:
    """As from a shell that sets nothing but the two servers."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SOCIALDESK_", "DJANGO_", "PYTEST_", "COV_"))
    }
    redis = urlsplit(os.environ["REDIS_URL"])
    return env | {
        "DATABASE_URL": database,
        "REDIS_URL": urlunsplit(redis._replace(path=_BROKER)),
        "SOCIALDESK_DATA_DIR": str(data),
        "SOCIALDESK_ORGANISATION": "Northmoor",
    }


def _running(folder: Path) -> dict[str, str]:
    """The settings of the running programs, as the launcher keeps them for other windows."""
    kept = json.loads((folder / "data" / "run" / "environment.json").read_text("utf-8"))
    return {**os.environ, "SOCIALDESK_DEBUG": "", "DJANGO_SETTINGS_MODULE": _SETTINGS, **kept}


@contextmanager
def _new_database() -> Iterator[str]:
    """A database beside the tests' own, gone afterwards; its address."""
    given = os.environ["DATABASE_URL"]
    name = f"stage_{os.getpid()}_{secrets.token_hex(3)}"
    create = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
    with psycopg.connect(given, autocommit=True) as admin:
        admin.execute(create)
    try:
        yield urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(given, autocommit=True) as admin:
            admin.execute(drop)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while b"Ready in " not in log.read_bytes():
        said = log.read_text(errors="replace")[-6000:]
        assert process.poll() is None, f"Socialdesk did not start:\n{said}"
        assert time.monotonic() < until, f"not ready after {READY_SECONDS:.0f} s:\n{said}"
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C does; a second one hurries."""
    for seconds in (STOP_SECONDS / 2, STOP_SECONDS / 2):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_pair() -> int:
    """A port whose successor, the Sandbox's, is free too."""
    while True:
        port = ports.any_free()
        if port < 65_000 and ports.is_free(port + 1):
            return port

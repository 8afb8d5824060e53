"""The real Bluesky network (PLC directory, PDS, AppView) running on this machine.

    python -m tests.real.network            runs it until Ctrl-C; prints its addresses
    python -m tests.real.network install    only installs its packages

Everything it knows is gone when it stops. It listens on 127.0.0.1 alone; its addresses say
'localhost', because that is what its directory and its tokens call it.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.ports import any_free
from socialdesk.launcher.postgres import EmbeddedPostgres
from socialdesk.launcher.processes import tail

from .packages import HERE, NetworkError, find_node, install

READY_SECONDS = 120.0
STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Base addresses without a slash at the end, and the key that lifts the rate limits.

    `hurried`: a PDS of its own, where an account may write three times in ten seconds.
    """

    pds: str
    hurried: str
    appview: str
    plc: str
    bypass_key: str = field(repr=False)


def _start(folder: Path, cache: Path, database: str, bypass_key: str) -> subprocess.Popen[bytes]:
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    script = str(HERE / "network.mjs")
    with (folder / "network.err").open("wb") as errors:
        return subprocess.Popen(
            [str(find_node().program), "--disable-warning=DeprecationWarning", script],
            cwd=cache,
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": str(folder),
                "TMPDIR": str(scratch),
                "NODE_ENV": "production",
                "LOG_ENABLED": "true",
                "LOG_DESTINATION": str(folder / "network.log"),
                "DB_POSTGRES_URL": database,
                "DB_POSTGRES_SCHEMA": "network",
                "REDIS_HOST": "127.0.0.1",
                "PDS_PORT": str(any_free()),
                "HURRIED_PDS_PORT": str(any_free()),
                "BLUESKY_BYPASS_KEY": bypass_key,
            },
            stdin=subprocess.PIPE,  # its end tells the network that we are gone, however that came
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for us; we stop it in order
        )


def _await_ready(process: subprocess.Popen[bytes], folder: Path) -> dict[str, Any]:
    """The JSON line it prints when it answers; raises NetworkError with the log's end."""
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    heard = b""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        heard += process.stdout.read() or b""
        if b"\n" in heard:
            told: dict[str, Any] = json.loads(heard.split(b"\n")[0])
            return told
        if process.poll() is not None:
            break
        time.sleep(0.05)
    why = "stopped" if process.poll() is not None else f"was not ready in {READY_SECONDS:.0f} s"
    raise NetworkError(
        f"The Bluesky network {why}.\n{tail(folder / 'network.err', 25)}\n"
        f"{tail(folder / 'network.log', 5)}"
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 5.0)):
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


@contextmanager
def bluesky() -> Iterator[Addresses]:
    """Run the network; about ten seconds until it is ready. Raises NetworkError, LauncherError."""
    cache = install()
    with tempfile.TemporaryDirectory(prefix="bluesky-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        layout = Layout(folder / "services")
        layout.make()
        database = EmbeddedPostgres(layout, durable=False)
        database.start()
        try:
            key = secrets.token_hex(16)
            process = _start(folder, cache, database.url, key)
            try:
                told = _await_ready(process, folder)
                yield Addresses(**told, bypass_key=key)
            finally:
                _stop(process)
        finally:
            database.stop()


def main(words: list[str]) -> int:
    """The command line; see the top of this file."""
    try:
        if words == ["install"]:
            install()
            return 0
        if words:
            print(__doc__, file=sys.stderr)
            return 2
        with bluesky() as addresses:
            print(f"PDS      {addresses.pds}  (accounts end in .test)")
            print(f"AppView  {addresses.appview}")
            print(f"PLC      {addresses.plc}")
            print("Ctrl-C stops it; nothing is kept.", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except (NetworkError, LauncherError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it in order
    sys.exit(main(sys.argv[1:]))

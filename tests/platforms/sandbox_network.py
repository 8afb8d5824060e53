"""A Sandbox of its own for a test: the real program, on a port of loopback nobody else has."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from platforms.contract import Connection, NetworkPolicy
from platforms.sandbox import SandboxAdapter

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class SandboxNetwork:
    """What a test does on the running network, past Socialdesk."""

    url: str
    directory: Path
    process: subprocess.Popen[bytes]

    def open_account(self, handle: str, display_name: str = "") -> Connection:
        """A new official account, ready to be used by an adapter."""
        made = self._post("accounts", handle=handle, display_name=display_name)
        return Connection(handle, self.url, made["token"], remote_id=made["id"])

    def policy(self, **other: Any) -> NetworkPolicy:
        host = self.url.removeprefix("http://")
        return NetworkPolicy(private_hosts=frozenset({host}), **other)

    def adapter(self, connection: Connection, **policy: Any) -> SandboxAdapter:
        return SandboxAdapter(connection, network=self.policy(**policy), remember=lambda _: None)

    def say(self, handle: str, text: str, *, in_reply_to: str | None = None) -> dict[str, Any]:
        """A stranger's post: its id, url and thread_id."""
        return self._post("people/posts", handle=handle, text=text, in_reply_to=in_reply_to)

    def fault(self, kind: str, **how: Any) -> None:
        """How: scope, handle, seconds, times."""
        self._post("faults", kind=kind, **how)

    def behave(self) -> None:
        requests.delete(f"{self.url}/api/practice/faults", timeout=10).raise_for_status()

    def arrivals(self, **only: str) -> list[dict[str, Any]]:
        """What the network says it received, newest first; only with that key or path."""
        answer = requests.get(f"{self.url}/api/practice/ledger", params=only, timeout=10)
        answer.raise_for_status()
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/api/practice/{path}", json=body, timeout=10)
        assert answer.ok, answer.text
        told: dict[str, Any] = answer.json()
        return told


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(port: int, directory: Path, *more: str) -> list[str]:
    where = ["--port", str(port), "--data", str(directory)]
    return [sys.executable, "-m", "platforms.sandbox", *where, *more]


@contextmanager
def running_sandbox(directory: Path, *options: str, port: int = 0) -> Iterator[SandboxNetwork]:
    """The network with its data in `directory`, until the end of the block."""
    port = port or free_port()
    log = directory.parent / f"{directory.name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command(port, directory, *options), cwd=ROOT, stdout=out, stderr=out
        )
    network = SandboxNetwork(f"http://127.0.0.1:{port}", directory, process)
    try:
        _wait_until_up(network, log)
        yield network
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_up(network: SandboxNetwork, log: Path) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert network.process.poll() is None, log.read_text("utf-8")
        try:
            if requests.get(f"{network.url}/healthz", timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(f"The Sandbox did not come up:\n{log.read_text('utf-8')}")

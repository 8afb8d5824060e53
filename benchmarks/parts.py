"""The web-free parts of an installation, as `make run` starts them, and what they use up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from socialdesk.launcher import environment, processes, programs
from socialdesk.launcher.layout import PROJECT, Layout
from socialdesk.launcher.services import Services

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Network:
    """The fake platforms, in a process of their own."""

    ports: list[int]
    process: subprocess.Popen[bytes]

    @property
    def hosts(self) -> list[str]:
        return [f"127.0.0.1:{port}" for port in self.ports]

    def ledger(self) -> list[tuple[str, float, int]]:
        """Text, Unix time and port of every post that was accepted, in that order."""
        return self._ask("_ledger")

    def forget(self) -> None:
        self._ask("_forget")

    def hang(self, port: int) -> None:
        """From now on requests to this port are never answered."""
        self._ask(f"_hang/{port}")

    def mention(self, count: int) -> None:
        """From now on every account has been mentioned so many times."""
        self._ask(f"_mentions/{count}")

    def asked_at(self) -> float:
        """When mentions were first asked for since there were more (Unix time), or 0."""
        return float(self._ask("_asked_at"))

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{self.hosts[0]}/{path}", timeout=30) as answer:
            return json.load(answer)


@dataclass
class Parts:
    """What runs, by name, as process ids of each part's topmost process."""

    layout: Layout
    env: dict[str, str]
    network: Network
    roots: dict[str, int] = field(default_factory=dict)

    def cpu_s(self) -> dict[str, float]:
        """Processor seconds used so far, by part, children included."""
        return {name: cpu for name, (cpu, _) in self._used().items()}

    def rss_mb(self) -> float:
        """Resident memory of workers and beat together; servers keep caches on purpose."""
        ours = [
            rss for name, (_, rss) in self._used().items() if name not in ("postgres", "valkey")
        ]
        return round(sum(ours) / 1e6, 1)

    def _used(self) -> dict[str, tuple[float, int]]:
        usage: dict[int, tuple[int, float, int]] = {}
        for entry in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = entry.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            cpu = sum(map(int, fields[11:15])) / _TICKS
            usage[int(entry.parent.name)] = (int(fields[1]), cpu, int(fields[21]) * _PAGE)

        def of(pid: int) -> tuple[float, int]:
            below = [of(child) for child, (parent, _, _) in usage.items() if parent == pid]
            _, cpu, rss = usage.get(pid, (0, 0.0, 0))
            return cpu + sum(c for c, _ in below), rss + sum(r for _, r in below)

        return {name: of(pid) for name, pid in self.roots.items()}


@contextmanager
def running(platforms: int, latency_s: float) -> Iterator[Parts]:
    """PostgreSQL, Valkey, the fake platforms, and an empty database; Django is ready inside."""
    with ExitStack() as stack:
        # A worker that was ended hard may still be writing its last line there.
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True)
            )
        )
        network = _network(stack, platforms, latency_s)
        layout = Layout(folder / "data")
        services = Services(layout, {}, durable=True)
        services.start()
        stack.callback(services.stop)
        os.environ |= environment.program_environment(layout, {}, services.urls, 0) | {
            "SOCIALDESK_DEMO": "no",
            "SOCIALDESK_ALLOW_PRIVATE_HOSTS": ",".join(network.hosts),
            # The pace that quiet accounts come down to after a few minutes, from the first one on.
            "SOCIALDESK_POLL_MIN_S": "120",
            "SOCIALDESK_POLL_MAX_S": "120",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", interactive=False, verbosity=0)
        stack.callback(connection.close_pool)
        stack.callback(connection.close)
        parts = Parts(layout, dict(os.environ), network)
        parts.roots |= {name: server.process.pid for name, server in services.started}
        yield parts


@contextmanager
def workers(parts: Parts) -> Iterator[None]:
    """Workers and beat, as `make run` starts them; they are up inside the block."""
    others = {"sealer": programs.sealer(), "beat": programs.beat(parts.layout)}
    commands = {**programs.workers(), **others}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for name, command in commands.items():
            with (parts.layout.logs / f"{name}.log").open("ab") as log:
                process = processes.spawn(command, env=parts.env, cwd=PROJECT, output=log)
            started.append(process)
            parts.roots[name] = process.pid
        _wait_until_up(parts, len(programs.workers()))
        yield
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                processes.kill_group(process.pid)
        for name in commands:
            parts.roots.pop(name, None)


def _wait_until_up(parts: Parts, count: int) -> None:
    from socialdesk.celery import app

    until = time.monotonic() + 60
    while len(app.control.inspect(timeout=1).ping() or {}) < count:
        if time.monotonic() > until:
            raise SystemExit(f"The workers do not come up; their logs are in {parts.layout.logs}.")


def _network(stack: ExitStack, count: int, latency_s: float) -> Network:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fake_mastodon", str(latency_s), str(count)],
        stdout=subprocess.PIPE,
        cwd=PROJECT,
    )
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return Network([int(process.stdout.readline()) for _ in range(count)], process)


def bare_loops(network: Network, *, workers: int, threads: int, accounts: int, posts: int) -> float:
    """Posts a second that our client manages with nothing around it."""
    share = posts // workers
    words: Sequence[str] = (f"http://{network.hosts[0]}", str(threads), str(accounts), str(share))
    loops = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bare_loop", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=PROJECT,
        )
        for _ in range(workers)
    ]
    for each in loops:
        each.stdout.readline()
    network.forget()
    began = time.time()
    for each in loops:
        each.stdin.write(b"go\n")
        each.stdin.flush()
    for each in loops:
        each.communicate()
    taken = [at for _, at, _ in network.ledger()]
    if len(taken) != share * workers:
        raise SystemExit(f"The bare loops sent {len(taken)} posts of {share * workers}.")
    return len(taken) / (max(taken) - began)

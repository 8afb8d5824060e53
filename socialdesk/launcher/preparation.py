"""What has to be done before the pages can be served, and whether it has been done already."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from socialdesk.launcher import programs
from socialdesk.launcher.console import Console
from socialdesk.launcher.environment import is_demo, is_given
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.jobs import Program
from socialdesk.launcher.layout import PROJECT, Layout


def _digest(files: list[Path]) -> str:
    total = hashlib.sha256((PROJECT / "requirements.lock").read_bytes())
    for path in sorted(files):
        state = path.stat()
        total.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return total.hexdigest()


class Preparation:
    """Migrations, demo data and collected static files of one installation."""

    def __init__(self, layout: Layout, env: Mapping[str, str], console: Console) -> None:
        self._layout = layout
        self._env = env
        self._console = console
        self._ours = not is_given(os.environ, "DATABASE_URL")

    @property
    def demo(self) -> Path:
        """The sign-ins made for this database, and for no other."""
        given = os.environ.get("DATABASE_URL") or os.environ.get("DATABASE_URL_FILE") or ""
        mark = f"-{hashlib.sha256(given.encode()).hexdigest()[:12]}" if given else ""
        return self._layout.secrets / f"demo{mark}.json"

    def is_done(self) -> bool:
        """Whether nothing has changed since the last time. Never so for a server of others."""
        seeded = self.demo.exists() or not is_demo(self._env)
        return self._ours and seeded and all(map(self._is_current, self._wanted()))

    def run(self, wait: Callable[[Program], int]) -> None:
        """Do what is due; `wait` sees a program to its end, for its exit code. LauncherError."""
        wanted = self._wanted()
        commands = {"setup": programs.prepare(self.demo, ours=self._ours)}
        if not self._is_current("static"):
            commands["static"] = programs.collect_static()
        jobs = [
            Program(name, command, self._env, self._layout, self._console.line)
            for name, command in commands.items()
        ]
        for name in commands:
            self._stamp(name).unlink(missing_ok=True)
        try:
            for job in jobs:
                job.start()
            codes = [wait(job) for job in jobs]
            if any(codes):
                raise LauncherError(
                    "Socialdesk could not be prepared; the lines above say why. "
                    "Nothing was lost: put it right and start again."
                )
        finally:
            for job in jobs:
                job.kill()
        for name in commands:
            self._stamp(name).write_text(wanted[name], encoding="utf-8")

    def _stamp(self, name: str) -> Path:
        return self._layout.run / f"{name}.stamp"

    def _is_current(self, name: str) -> bool:
        try:
            return self._stamp(name).read_text(encoding="utf-8") == self._wanted()[name]
        except OSError:
            return False

    def _wanted(self) -> dict[str, str]:
        """What each result is made from, the very database included."""
        apps = [init.parent / "static" for init in PROJECT.glob("*/__init__.py")]
        bundle = [PROJECT / "frontend" / "dist", *apps]
        static = [path for folder in bundle for path in folder.rglob("*") if path.is_file()]
        cluster = self._layout.postgres.glob("[0-9]*/PG_VERSION")
        return {
            "setup": _digest([*PROJECT.glob("*/migrations/*.py"), *cluster]),
            "static": _digest(static),
        }

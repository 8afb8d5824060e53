"""What the supervisor keeps alive: a program with a log line or two to say, or a server."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from socialdesk.launcher import processes
from socialdesk.launcher.layout import PROJECT, Layout
from socialdesk.launcher.postgres import EmbeddedPostgres
from socialdesk.launcher.valkey import EmbeddedValkey


class Job(Protocol):
    """Something that runs until it is stopped."""

    name: str

    def start(self) -> None:
        """Start it, or start it again. Raises LauncherError or OSError."""

    def ended(self) -> int | None:
        """The exit code once it has ended; None while it runs."""

    def ask_to_stop(self) -> None:
        """Tell it to finish what it does and end."""

    def kill(self) -> None:
        """End it at once, with whatever it started."""

    def output(self) -> int | None:
        """A file descriptor to read lines from, if it has one."""

    def pump(self) -> bool:
        """Pass on what it printed; False once there will be no more."""

    def last_words(self) -> str:
        """Its latest lines, for a message about why it ended."""


@dataclass
class Program:
    """A child process whose lines go to `on_line`."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    layout: Layout
    on_line: Callable[[str, str], None]
    _process: subprocess.Popen[bytes] | None = None
    _rest: bytes = b""
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=15))

    def start(self) -> None:
        self._rest = b""
        self._process = processes.spawn(
            self.command, env=self.env, cwd=PROJECT, output=subprocess.PIPE
        )
        os.set_blocking(self._pipe(), False)
        processes.record_of(self.name, self._process.pid).write(self.layout.run)

    def _pipe(self) -> int:
        stream = self._process.stdout if self._process else None
        return stream.fileno() if stream and not stream.closed else -1

    def ended(self) -> int | None:
        code = self._process.poll() if self._process else None
        if code is not None and self._process is not None and self._pipe() >= 0:
            while self.pump():
                pass
            if self._rest:
                self._emit(self._rest)
                self._rest = b""
            # Its own children may have outlived it and still hold its port.
            processes.kill_group(self._process.pid)
            if self._process.stdout:
                self._process.stdout.close()
            processes.forget(self.layout.run, self.name)
        return code

    def ask_to_stop(self) -> None:
        if self._process and self._process.poll() is None:
            processes.signal_process(self._process.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self._process and self._process.poll() is None:
            processes.signal_process(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def output(self) -> int | None:
        return self._pipe() if self._pipe() >= 0 else None

    def pump(self) -> bool:
        try:
            read = os.read(self._pipe(), 65536)
        except BlockingIOError:
            return False
        except OSError:
            return False
        *lines, self._rest = (self._rest + read).split(b"\n")
        for line in lines:
            self._emit(line)
        return bool(read)

    def _emit(self, line: bytes) -> None:
        text = line.decode("utf-8", errors="replace").rstrip("\r")
        self._recent.append(text)
        self.on_line(self.name, text)

    def last_words(self) -> str:
        return "\n".join(self._recent)


@dataclass
class Server:
    """An embedded server. It comes back at the port it had, so its clients find it again."""

    name: str
    server: EmbeddedPostgres | EmbeddedValkey

    def start(self) -> None:
        self.server.start()

    def ended(self) -> int | None:
        return self.server.process.poll() if self.server.process else None

    def ask_to_stop(self) -> None:
        self.server.ask_to_stop()

    def kill(self) -> None:
        self.server.stop()

    def output(self) -> int | None:
        return None

    def pump(self) -> bool:
        return False

    def last_words(self) -> str:
        return processes.tail(self.server.log)

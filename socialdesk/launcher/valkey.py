"""The embedded Valkey: the broker and the cache, in memory only; the database is the truth."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from socialdesk.launcher import keys, ports, processes
from socialdesk.launcher.binaries import find_valkey
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import Layout

NAME = "valkey"
START_TRIES = 3
START_SECONDS = 20.0
STOP_STEPS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


class EmbeddedValkey:
    """Starts and stops the server."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.log = layout.logs / "valkey.log"
        self._password = keys.kept(layout.secrets, "valkey_password")
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address as REDIS_URL takes it; valid while the server runs."""
        return f"redis://:{self._password}@{ports.LOOPBACK}:{self.port}/0"

    def adopt(self) -> bool:
        """Use a server that an earlier launcher started and that still answers; True if so."""
        record = processes.read_record(self._layout.run, NAME)
        if record is None or not record.detached or not processes.is_alive(record):
            return False
        self.port = record.port
        return self._answers()

    def start(self, *, detached: bool = False) -> None:
        """Start the server. Raises LauncherError."""
        self.stop()
        program = str(find_valkey().program)
        for port in ports.candidates(self.port, START_TRIES):
            if self._start_once(program, port, detached=detached):
                return
        raise LauncherError(
            f"Valkey did not start. The end of {self.log}:\n{processes.tail(self.log)}"
        )

    def ask_to_stop(self) -> None:
        """Begin an orderly stop of the server started here; `stop` sees it through."""
        if self.process is not None and self.process.poll() is None:
            processes.signal_process(self.process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Stop the server, whoever started it; nothing to do when none runs."""
        record = processes.read_record(self._layout.run, NAME)
        if record is not None and not processes.stop_record(record, STOP_STEPS):
            raise LauncherError(f"Valkey (process {record.pid}) does not stop.")
        if self.process is not None:
            self.process.wait()
        processes.forget(self._layout.run, NAME)

    def _start_once(self, program: str, port: int, *, detached: bool) -> bool:
        self.port = port
        config = self._layout.run / "valkey.conf"
        # A file, because everybody on the machine may read the words of a command line.
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(
                f"bind {ports.LOOPBACK}\nport {self.port}\nrequirepass {self._password}\n"
                f'save ""\nappendonly no\nmaxmemory-policy noeviction\n'
                f'dir "{self._layout.valkey}"\n'
            )
        with self.log.open("wb") as log:
            self.process = processes.spawn(
                [program, str(config)],
                env=os.environ,
                cwd=self._layout.valkey,
                output=log,
                detached=detached,
            )
        processes.record_of(NAME, self.process.pid, detached=detached, port=self.port).write(
            self._layout.run
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.02)
        self.stop()
        return False

    def _answers(self) -> bool:
        """Whether the server at our port takes our password: then it is ours and it is up."""
        client = redis.Redis(
            host=ports.LOOPBACK,
            port=self.port,
            password=self._password,
            socket_timeout=2,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

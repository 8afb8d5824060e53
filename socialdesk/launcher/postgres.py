"""The embedded PostgreSQL: one cluster below the data folder, reached by loopback and password."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psycopg
from psycopg import sql

from socialdesk.launcher import keys, ports, processes
from socialdesk.launcher.binaries import Postgres, find_postgres
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.privileges import Demotion, demotion

NAME = "postgres"
USER = DATABASE = "socialdesk"
ADMIN = "postgres"
START_TRIES = 3
START_SECONDS = 60.0
# "Fast" shutdown ends the sessions and keeps every committed row; "immediate" recovers from the
# log at the next start. https://www.postgresql.org/docs/current/server-shutdown.html
STOP_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 5.0))


class EmbeddedPostgres:
    """Makes, starts and stops the cluster; `durable=False` trades crash safety for speed."""

    def __init__(self, layout: Layout, *, durable: bool = True) -> None:
        self._layout = layout
        self._durable = durable
        self.log = layout.logs / "postgres.log"
        self._password = keys.kept(layout.secrets, "postgres_password")
        self.admin_password = keys.kept(layout.secrets, "postgres_admin_password")
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The address as DATABASE_URL takes it; valid while the server runs."""
        return f"postgresql://{USER}:{self._password}@{ports.LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def _data(self) -> Path:
        made = sorted(self._layout.postgres.glob("[0-9]*/PG_VERSION"))
        return made[-1].parent if made else self._layout.postgres / "new"

    def adopt(self) -> bool:
        """Use a server that an earlier launcher started and that still answers; True if so."""
        record = processes.read_record(self._layout.run, NAME)
        if record is None or not record.detached or not processes.is_alive(record):
            return False
        self.port = record.port
        return self._answers()

    def start(self, *, detached: bool = False) -> None:
        """Start the server and see that the database is there. Raises LauncherError."""
        self.stop_leftover()
        version = self._data / "PG_VERSION"
        major = int(version.read_text(encoding="ascii")) if version.exists() else None
        installed = find_postgres(major)
        demoted = demotion("clear" if detached else "INT")
        if major is None:
            self._make_cluster(installed, demoted)
        demoted.hand_over(self._data)
        for port in ports.candidates(self.port, START_TRIES):
            if self._start_once(installed, demoted, port, detached=detached):
                self._make_database()
                return
        raise LauncherError(
            f"PostgreSQL did not start. The end of {self.log}:\n{processes.tail(self.log)}"
        )

    def ask_to_stop(self) -> None:
        """Begin an orderly stop of the server started here; `stop` sees it through."""
        if self.process is not None and self.process.poll() is None:
            processes.signal_process(self.process.pid, signal.SIGINT)

    def stop(self) -> None:
        """Stop the server, whoever started it; nothing to do when none runs."""
        record = processes.read_record(self._layout.run, NAME)
        if record is not None and not processes.stop_record(record, STOP_STEPS):
            raise LauncherError(f"PostgreSQL (process {record.pid}) does not stop.")
        if self.process is not None:
            self.process.wait()
        processes.forget(self._layout.run, NAME)

    def stop_leftover(self) -> None:
        """Stop what a killed launcher left behind. Never touches a process that is not ours."""
        self.stop()
        try:
            pid = int((self._data / "postmaster.pid").read_text(encoding="utf-8").split("\n")[0])
        except (OSError, ValueError):
            return
        if self._serves_our_folder(pid):
            processes.stop_record(processes.record_of(NAME, pid), STOP_STEPS)

    def _serves_our_folder(self, pid: int) -> bool:
        """The number in a stale file may be somebody else's by now: ask what the process is."""
        shown = processes.command_line(pid)
        return "postgres" in shown and str(self._data) in shown

    def _environment(self) -> dict[str, str]:
        # Other PG… variables of the user's shell would change what the tools do.
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        return {**kept, "LC_ALL": "C", "TZ": "UTC"}

    def _make_cluster(self, installed: Postgres, demoted: Demotion) -> None:
        building = self._layout.postgres / "building"
        if building.exists():  # an earlier start was cut short here
            shutil.rmtree(building)
        building.mkdir(parents=True, mode=0o700)
        secret = building.with_suffix(".secret")
        secret.unlink(missing_ok=True)
        with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self.admin_password + "\n")
        demoted.hand_over(building)
        demoted.hand_over(secret)
        locale = ["--locale-provider=builtin"] if installed.major >= 17 else []
        try:
            done = processes.run(
                [
                    *demoted.prefix,
                    str(installed.folder / "initdb"),
                    f"--pgdata={building}",
                    f"--username={ADMIN}",
                    f"--pwfile={secret}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    *locale,
                    "--locale=C.UTF-8",
                    *([] if self._durable else ["--no-sync"]),
                ],
                env=self._environment(),
                cwd=building,
            )
        finally:
            secret.unlink(missing_ok=True)
        if done.returncode:
            raise LauncherError(f"PostgreSQL could not make its files:\n{done.stdout.strip()}")
        building.rename(self._layout.postgres / str(installed.major))

    def _start_once(
        self, installed: Postgres, demoted: Demotion, port: int, *, detached: bool
    ) -> bool:
        self.port = port
        options = {
            "listen_addresses": ports.LOOPBACK,
            "port": str(self.port),
            # Socket paths have a length limit and tidy-up jobs; loopback with a password has not.
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_checkpoints": "off",
        }
        if not self._durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        words = [word for key, value in options.items() for word in ("-c", f"{key}={value}")]
        server = str(installed.folder / "postgres")
        with self.log.open("wb") as log:
            self.process = processes.spawn(
                [*demoted.prefix, server, "-D", str(self._data), *words],
                env=self._environment(),
                cwd=self._data,
                output=log,
                detached=detached,
                death_signal=signal.SIGINT,
            )
        processes.record_of(NAME, self.process.pid, detached=detached, port=self.port).write(
            self._layout.run
        )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.03)
        self.stop()
        return False

    def _connect(self, user: str, password: str, database: str) -> psycopg.Connection:
        return psycopg.connect(
            host=ports.LOOPBACK,
            port=self.port,
            user=user,
            password=password,
            dbname=database,
            autocommit=True,
            connect_timeout=5,
        )

    def _answers(self) -> bool:
        """Whether the server at our port takes our password: then it is ours and it is up."""
        try:
            self._connect(ADMIN, self.admin_password, "postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self) -> None:
        """The role is an ordinary one: what the triggers forbid, it cannot switch off."""
        name = sql.Identifier(USER)
        with self._connect(ADMIN, self.admin_password, "postgres") as admin:
            if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [USER]).fetchone():
                admin.execute(
                    sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(
                        name, sql.Literal(self._password)
                    )
                )
            found = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not found.fetchone():
                admin.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), name)
                )

"""The embedded servers themselves."""

import os
import signal
import subprocess
import sys
import time

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from socialdesk.launcher import processes
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import PROJECT, Layout
from socialdesk.launcher.lock import exclusive
from socialdesk.launcher.postgres import EmbeddedPostgres
from socialdesk.launcher.services import Services
from socialdesk.launcher.valkey import EmbeddedValkey

HOLD = """
import sys, time
from pathlib import Path
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.services import Services
services = Services(Layout(Path(sys.argv[1])), {}, durable=False)
services.start(detached=sys.argv[2] == "detached")
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path / "data")
    layout.make()
    yield layout
    Services(layout, {}, durable=False).stop_all()


@pytest.fixture
def make(layout):
    """Services of this test's folder, stopped with it."""
    made = []

    def services(**env: str) -> Services:
        made.append(Services(layout, env, durable=False))
        return made[-1]

    yield services
    for services in made:
        services.stop()


@pytest.fixture
def hold(layout):
    """Another launcher that starts the servers and is then killed without a chance to tidy up."""
    held = []

    def start(how: str) -> tuple[processes.Record, processes.Record]:
        other = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(layout.root), how],
            stdout=subprocess.PIPE,
            cwd=PROJECT,
        )
        held.append(other)
        assert other.stdout.readline() == b"up\n"
        records = [processes.read_record(layout.run, name) for name in ("postgres", "valkey")]
        other.kill()
        return tuple(records)

    yield start
    for other in held:
        other.kill()
        other.wait()
        other.stdout.close()


def gone(*records: processes.Record, within: float = 10.0) -> bool:
    until = time.monotonic() + within
    while time.monotonic() < until:
        if not any(map(processes.is_alive, records)):
            return True
        time.sleep(0.05)
    return False


def test_run_of_the_tests_has_its_servers():
    with psycopg.connect(os.environ["DATABASE_URL"]) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    client = redis.Redis.from_url(os.environ["REDIS_URL"])
    assert client.ping()
    client.close()


def test_servers_start_keep_their_data_and_stop(layout, make):
    first = make()
    first.start()
    with psycopg.connect(first.urls["DATABASE_URL"], autocommit=True) as database:
        database.execute("CREATE TABLE kept (word text)")
        database.execute("INSERT INTO kept VALUES ('still here')")
    records = [processes.read_record(layout.run, name) for name in ("postgres", "valkey")]
    first.stop()
    assert gone(*records, within=0.1)

    second = make()
    second.start()
    with psycopg.connect(second.urls["DATABASE_URL"]) as database:
        assert database.execute("SELECT word FROM kept").fetchone() == ("still here",)
    second.stop()


def test_application_role_cannot_switch_triggers_off(make):
    services = make(REDIS_URL="redis://elsewhere")
    services.start()
    with (
        psycopg.connect(services.urls["DATABASE_URL"]) as database,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        database.execute("SET session_replication_role = replica")


def test_servers_want_their_password(make):
    services = make()
    services.start()
    port = services.postgres.port
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=port, user="postgres", password="guess")
    client = redis.Redis(port=services.valkey.port, retry=Retry(NoBackoff(), 0))
    with pytest.raises(redis.AuthenticationError):
        client.ping()
    client.close()


def test_secrets_are_for_their_owner_alone_and_in_no_command_line(layout, make):
    services = make()
    services.start()
    secrets = [path.read_text().strip() for path in layout.secrets.iterdir()]
    assert len(secrets) == 3
    assert {path.stat().st_mode & 0o777 for path in layout.secrets.iterdir()} == {0o600}
    assert layout.secrets.stat().st_mode & 0o777 == 0o700
    assert (layout.run / "valkey.conf").stat().st_mode & 0o777 == 0o600
    for name in ("postgres", "valkey"):
        shown = processes.command_line(processes.read_record(layout.run, name).pid)
        assert shown
        assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_FILE"])
def test_a_server_that_is_given_is_not_embedded(layout, name, make):
    services = make(**{name: "x", "REDIS_URL": "redis://elsewhere"})
    services.start()
    assert services.urls == {}
    assert not layout.postgres.exists()


@pytest.mark.skipif(not processes.LINUX, reason="only Linux tells a child that its parent died")
def test_servers_die_with_a_launcher_that_is_killed(hold):
    assert gone(*hold("attached"))


def test_servers_left_running_on_purpose_are_used_and_left_running(hold, make):
    records = hold("detached")
    services = make()
    services.start()
    assert services.started == []
    with psycopg.connect(services.urls["DATABASE_URL"]) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    services.stop()
    assert all(map(processes.is_alive, records))


def test_servers_left_behind_are_stopped_and_replaced(layout, hold, make):
    """As on a system that does not tell children of their parent's death."""
    left = hold("detached")
    for record in left:
        processes.Record(record.name, record.pid, record.born, False, record.port).write(layout.run)
    services = make()
    services.start()
    assert gone(*left, within=0.1)
    assert len(services.started) == 2
    services.stop()


def test_a_server_left_behind_without_a_record_is_found_by_its_own_file(layout, hold, make):
    postgres, _ = hold("detached")
    processes.forget(layout.run, "postgres")
    services = make(REDIS_URL="redis://elsewhere")
    services.start()
    assert gone(postgres, within=0.1)
    services.stop()


def test_a_process_that_was_given_the_number_of_ours_is_left_alone(layout):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        record = processes.Record("valkey", stranger.pid, "born at another time", False, 1)
        record.write(layout.run)
        server = EmbeddedValkey(layout)
        server.start()
        assert stranger.poll() is None
        server.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_stale_file_of_postgres_that_names_a_stranger_harms_nobody(layout):
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        server = EmbeddedPostgres(layout, durable=False)
        server.start()
        server.stop()
        data = next(layout.postgres.glob("[0-9]*"))
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n")
        again = EmbeddedPostgres(layout, durable=False)
        again.stop_leftover()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_server_that_crashed_comes_back_at_the_same_port(layout):
    server = EmbeddedPostgres(layout, durable=False)
    server.start()
    before = server.url
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()
    server.start()
    assert server.url == before
    with psycopg.connect(before) as database:
        assert database.execute("SELECT 1").fetchone() == (1,)
    server.stop()


def test_a_cluster_whose_making_was_cut_short_is_made_anew(layout):
    rubbish = layout.postgres / "building"
    rubbish.mkdir(parents=True)
    (rubbish / "PG_VERSION").write_text("18")
    server = EmbeddedPostgres(layout, durable=False)
    server.start()
    server.stop()
    assert not rubbish.exists()


def test_a_cluster_of_a_version_that_is_not_here_is_a_clear_message(layout):
    old = layout.postgres / "9"
    old.mkdir(parents=True)
    (old / "PG_VERSION").write_text("9\n")
    with pytest.raises(LauncherError, match="made by PostgreSQL 9, which is not here"):
        EmbeddedPostgres(layout).start()


def test_one_launcher_at_a_time(layout):
    with exclusive(layout), pytest.raises(LauncherError, match=f"process {os.getpid()}"):  # noqa: SIM117
        with exclusive(layout):
            pass
    with exclusive(layout):
        pass

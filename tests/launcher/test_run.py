"""The whole launcher, on a Django project just large enough to be started (stand_in/)."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from socialdesk.launcher import ports, processes
from socialdesk.launcher.layout import PROJECT, Layout

PLACES = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
PATIENCE = 60.0


class Desk:
    """One working copy with a launcher in it, started as often as a test likes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_pair()
        self._raw, self.printed = b"", ""
        self.launcher: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        env = {k: v for k, v in os.environ.items() if not k.startswith("SOCIALDESK_")}
        return {k: v for k, v in env.items() if k not in PLACES}

    def start(self) -> None:
        if self.launcher is not None:
            self.launcher.stdout.close()
        self.launcher = subprocess.Popen(
            [sys.executable, "-m", "socialdesk.launcher", "run", f"--port={self.port}"],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.set_blocking(self.launcher.stdout.fileno(), False)
        self._raw, self.printed = b"", ""

    def read(self) -> None:
        if self.launcher is None:
            return
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.launcher.stdout.fileno(), 65536):
                self._raw += piece
        self.printed = self._raw.decode(errors="replace")

    def until(self, text: str) -> None:
        limit = time.monotonic() + PATIENCE
        while text not in self.printed:
            if self.launcher.poll() is not None or time.monotonic() > limit:
                self.read()
                assert text in self.printed, self.printed
                return
            time.sleep(0.05)
            self.read()

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Signal the launcher, read to its end; its exit code."""
        self.launcher.send_signal(number)
        limit = time.monotonic() + PATIENCE
        while self.launcher.poll() is None and time.monotonic() < limit:
            time.sleep(0.05)
            self.read()
        self.read()
        return self.launcher.wait(1)

    def get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            return connection.getresponse().read()
        finally:
            connection.close()

    def running(self) -> list[str]:
        """The command lines of whatever runs in or for this copy, the launcher not counted."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or processes.birth(int(entry.name)) is None:
                continue
            shown = processes.command_line(int(entry.name))
            try:
                here = (entry / "cwd").resolve()
            except OSError:
                continue
            if (here.is_relative_to(self.folder) or str(self.folder) in shown) and (
                self.launcher is None or int(entry.name) != self.launcher.pid
            ):
                found.append(shown)
        return found

    def pid(self, name: str) -> int:
        return processes.read_record(self.folder / "var" / "run", name).pid


def free_pair() -> int:
    while True:
        port = ports.any_free()
        if port < 65000 and ports.is_free(port + 1):
            return port


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The stand-in project with the real launcher in it; its database is made once."""
    folder = tmp_path_factory.mktemp("copy") / "desk"
    shutil.copytree(Path(__file__).parent / "stand_in", folder)
    shutil.copytree(PROJECT / "socialdesk" / "launcher", folder / "socialdesk" / "launcher")
    shutil.copy(PROJECT / "requirements.lock", folder)
    return folder


@pytest.fixture
def desk(copy):
    """A desk that a test starts itself."""
    with one_desk(copy) as desk:
        yield desk


@pytest.fixture(scope="module")
def running(copy):
    """A desk started once for the tests that only look at one; a start costs ten seconds."""
    with one_desk(copy) as desk:
        desk.start()
        desk.until("Ready in ")
        yield desk
        desk.stop()


@contextlib.contextmanager
def one_desk(copy):
    desk = Desk(copy)
    try:
        yield desk
    finally:
        if desk.launcher is not None:
            if desk.launcher.poll() is None:
                desk.stop()
            desk.launcher.stdout.close()
    assert desk.running() == []


def eventually(desk: Desk, true) -> None:
    """Wait until `true()` is so; an answer that does not come is no answer yet."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if true():
                return
        desk.read()
        time.sleep(0.1)
    pytest.fail(desk.printed)


pytestmark = pytest.mark.skipif(not processes.LINUX, reason="looks around in /proc")


# One launcher, from its first start to its end. The order of these tests matters.


def test_tells_the_address_and_the_sign_ins_once_the_page_answers(running):
    assert b"ada@example.org" in running.get("/sign-in/")
    assert f"Socialdesk is at http://127.0.0.1:{running.port}\n" in running.printed
    assert f"The Sandbox network is at http://127.0.0.1:{running.port + 1}\n" in running.printed
    assert "  ada@example.org  a-demo-password  Officer\n" in running.printed
    assert "\x1b" not in running.printed, "a program's colours reach the log of another"


def test_settings_for_another_window_are_for_their_owner_alone(running):
    kept = running.folder / "var" / "run" / "environment.json"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_second_launcher_in_the_same_folder_is_told_of_the_first(running):
    done = subprocess.run(
        [sys.executable, "-m", "socialdesk.launcher", "run", f"--port={free_pair()}"],
        cwd=running.folder,
        env=running.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"already runs from this folder (process {running.launcher.pid}," in done.stderr
    assert running.get("/readyz") == b"ok"


def test_program_that_dies_is_reported_and_comes_back(running):
    os.kill(running.pid("web"), signal.SIGKILL)
    running.until("web ended (signal 9); starting it again in 1 s.")
    eventually(running, lambda: running.get("/readyz") == b"ok")


def test_database_that_dies_comes_back_where_its_clients_expect_it(running):
    os.kill(running.pid("postgres"), signal.SIGKILL)
    running.until("postgres ended (signal 9)")
    eventually(running, lambda: b"ada@example.org" in running.get("/sign-in/"))


def test_worker_finishes_what_it_has_begun_and_ctrl_c_leaves_nothing(running, tmp_path):
    mark = tmp_path / "mark"
    code = (
        "import os; from socialdesk.launcher.environment import use_running; "
        "use_running(os.environ); from socialdesk.celery import app; "
        f"app.send_task('slow', args=[{str(mark)!r}])"
    )
    env = running.environment() | {"DJANGO_SETTINGS_MODULE": "socialdesk.settings"}
    subprocess.run([sys.executable, "-c", code], cwd=running.folder, env=env, check=True)
    eventually(running, mark.exists)
    assert running.stop(signal.SIGINT) == 0
    assert mark.read_text() == "begun finished"
    assert "Everything has stopped." in running.printed
    assert running.running() == []
    assert not (running.folder / "var" / "run" / "environment.json").exists()


# The next starts of the same copy, each with its own bad day.


def made(desk: Desk) -> dict[str, int]:
    """When the results of the preparation were made."""
    paths = [*desk.folder.glob("var/run/*.stamp"), desk.folder / "var" / "static" / "page.css"]
    return {path.name: path.stat().st_mtime_ns for path in paths}


def test_next_start_makes_nothing_anew_and_a_closed_terminal_stops_it(desk):
    before = made(desk)
    assert set(before) == {"setup.stamp", "static.stamp", "page.css"}
    desk.start()
    desk.until("Ready in ")
    assert "setup" not in desk.printed
    assert made(desk) == before
    assert "  ada@example.org  a-demo-password  Officer\n" in desk.printed
    assert desk.get("/sign-in/").count(b"ada@example.org") == 1
    desk.launcher.stdout.close()
    os.kill(desk.pid("web"), signal.SIGKILL)  # gives the launcher something to say to nobody
    assert desk.launcher.wait(PATIENCE) == 0
    assert desk.running() == []


def test_killed_launcher_does_not_hinder_the_next_and_leaves_nothing_behind(desk):
    desk.start()
    desk.until("Ready in ")
    desk.launcher.kill()
    desk.launcher.wait()
    desk.start()  # at once: what has not ended yet is stopped by the new one
    desk.until("Ready in ")
    assert b"ada@example.org" in desk.get("/sign-in/")
    desk.launcher.kill()
    desk.launcher.wait()
    eventually(desk, lambda: desk.running() == [])


def test_program_left_behind_is_stopped_and_ctrl_c_works_during_a_start(desk):
    """As on a system that does not tell children of their parent's death."""
    left = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind=127.0.0.1", str(desk.port)],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        eventually(desk, lambda: not ports.is_free(desk.port))
        layout = Layout(desk.folder / "var")
        layout.make()
        processes.record_of("web", left.pid).write(layout.run)
        desk.start()
        desk.until("Stopped web, which an earlier start had left behind.")
        assert desk.stop(signal.SIGTERM) == 0  # at once: the web server takes seconds from here
        assert left.wait(PATIENCE) == -signal.SIGTERM
        assert "Ready in" not in desk.printed
    finally:
        left.kill()
        left.wait()


@pytest.mark.parametrize(("which", "use"), [(0, "Socialdesk"), (1, "the Sandbox network")])
def test_taken_port_is_said_before_anything_starts(desk, which, use):
    with socket.socket() as other:
        other.bind(("127.0.0.1", desk.port + which))
        other.listen()
        desk.start()
        desk.until("taken by another program")
    assert desk.launcher.wait(10) == 1
    assert f"Port {desk.port + which}, wanted for {use}, is taken" in desk.printed
    assert f"make run PORT={desk.port + 100}" in desk.printed
    assert "Starting" not in desk.printed
    assert "Traceback" not in desk.printed


@pytest.mark.parametrize(
    ("new", "end"),
    [
        (False, "web ended 2 times in a row (last: exit code "),
        (True, "Socialdesk could not be prepared; the lines above say why."),
    ],
)
def test_settings_that_are_wrong_are_a_clear_end(desk, new, end):
    settings = desk.folder / "socialdesk" / "settings.py"
    before = settings.read_text()
    settings.write_text(before + "\nraise SystemExit('the settings are wrong')\n")
    if new:
        (desk.folder / "var" / "run" / "setup.stamp").unlink(missing_ok=True)
    try:
        desk.start()
        desk.until(end)
        assert desk.launcher.wait(PATIENCE) == 1
        assert f"{'setup' if new else 'web':<10} │ the settings are wrong" in desk.printed
        assert desk.running() == []
    finally:
        settings.write_text(before)


def test_page_that_answers_wrongly_is_a_clear_end(desk):
    urls = desk.folder / "socialdesk" / "urls.py"
    before = urls.read_text()
    urls.write_text(before + "\nraise SystemError('the addresses are wrong')\n")
    try:
        desk.start()
        desk.until("Socialdesk does not come up: /readyz answers 500")
        assert desk.launcher.wait(PATIENCE) == 1
        assert "Ready in" not in desk.printed
        assert desk.running() == []
    finally:
        urls.write_text(before)


def test_stamps_that_are_mistaken_are_found_out_by_the_page(desk):
    """Somebody emptied the database behind the launcher's back."""
    desk.start()
    desk.until("Ready in ")
    url = json.loads((desk.folder / "var" / "run" / "environment.json").read_text())["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("DROP SCHEMA public CASCADE")
        database.execute("CREATE SCHEMA public")
    assert desk.stop() == 0
    desk.start()
    desk.until("Bringing the database up to date")
    desk.until("Ready in ")
    assert b"ada@example.org" in desk.get("/sign-in/")

"""Small parts of the launcher, each by itself."""

import io
import os
import stat
from collections import deque

import pytest

from socialdesk.launcher import environment, keys, ports, supervisor
from socialdesk.launcher.console import Console, TerminalGone
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.signin import demo_sign_ins
from socialdesk.launcher.supervisor import Supervisor


class Job:
    """A job that ends with the next of `codes` each time it is looked at; None: it runs."""

    name = "web"

    def __init__(self, *codes):
        self.codes = list(codes)
        self.did = []

    def start(self):
        self.did.append("start")

    def ended(self):
        return self.codes.pop(0) if self.codes else None

    def ask_to_stop(self):
        self.did.append("ask")

    def kill(self):
        self.did.append("kill")
        self.codes = [0]

    def output(self):
        return None

    def pump(self):
        return False

    def last_words(self):
        return "could not bind"


@pytest.fixture
def console():
    return Console(io.StringIO(), {})


def test_program_that_keeps_dying_ends_the_attempt_with_its_last_words(console, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.0)
    job = Job(*[3] * 20)
    watched = Supervisor(console)
    watched.all_is_well()
    watched.add(job)
    told = r"(?s)web ended 5 times in a row \(last: exit code 3\).*could not bind"
    with pytest.raises(LauncherError, match=told):
        deque((watched.tick(0) for _ in range(50)), maxlen=0)
    assert job.did == ["start"] * 5


def test_program_that_never_worked_is_tried_once_more(console, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.0)
    watched = Supervisor(console)
    job = Job(*[3] * 20)
    watched.add(job)
    with pytest.raises(LauncherError, match="web ended 2 times in a row"):
        deque((watched.tick(0) for _ in range(50)), maxlen=0)
    assert job.did == ["start"] * 2


def test_pauses_between_starts_double(monkeypatch):
    said = io.StringIO()
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 1.0)
    now = [1000.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    watched = Supervisor(Console(said, {}))
    watched.all_is_well()
    watched.add(Job(*[-9] * 4))
    for _ in range(30):
        watched.tick(0)
        now[0] += 1
    pauses = [line.split("again in ")[1] for line in said.getvalue().splitlines()]
    assert pauses == ["1 s.", "2 s.", "4 s.", "8 s."]


def test_deaths_long_apart_are_not_added_up(monkeypatch, console):
    now = [1000.0]
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now[0])
    watched = Supervisor(console)
    job = Job(*[1] * 10)
    watched.add(job)
    for _ in range(10):
        watched.tick(0)
        now[0] += supervisor.SETTLED_S
        watched.tick(0)
        now[0] += supervisor.SETTLED_S
    assert len(job.did) == 11


def test_job_that_does_not_stop_is_ended(console):
    job = Job()
    watched = Supervisor(console)
    watched.add(job, stop_seconds=0.1)
    watched.stop()
    assert job.did == ["start", "ask", "kill"]


def test_second_ctrl_c_does_not_wait(console):
    job = Job()
    watched = Supervisor(console)
    watched.add(job, stop_seconds=60)
    watched.stop(hurry=[True])
    assert job.did == ["start", "ask", "kill"]


def test_jobs_stop_in_the_opposite_order(console):
    order = []

    class Noted(Job):
        def __init__(self, name):
            super().__init__()
            self.name = name

        def ask_to_stop(self):
            order.append(self.name)
            self.codes = [0, 0]

    watched = Supervisor(console)
    for name in ("postgres", "web", "worker"):
        watched.add(Noted(name))
    watched.stop()
    assert order == ["worker", "web", "postgres"]


def test_text_from_strangers_cannot_command_the_terminal():
    said = io.StringIO()
    Console(said, {}).line("worker", "a\x1b]0;title\x07b\x9b2Jc\td")
    assert said.getvalue() == "worker     │ a\ufffd]0;title\ufffdb\ufffd2Jc\td\n"


@pytest.mark.parametrize(
    ("env", "coloured"), [({}, False), ({"FORCE_COLOR": "1"}, True), ({"NO_COLOR": "1"}, False)]
)
def test_colours_are_for_terminals(env, coloured):
    said = io.StringIO()
    Console(said, env).line("web", "hello")
    assert ("\x1b[" in said.getvalue()) is coloured


def test_closed_terminal_is_said_once():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    console = Console(Closed(), {})
    with pytest.raises(TerminalGone):
        console.say("one")
    console.say("two")


@pytest.mark.parametrize("port", [0, -1, 65535, 99999])
def test_ports_that_are_none(port):
    with pytest.raises(LauncherError, match="is no port"):
        ports.require(port)


def test_low_port_of_an_ordinary_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LauncherError, match="needs root"):
        ports.require(80)


def test_secret_is_made_once_for_its_owner_alone(tmp_path):
    first = keys.kept(tmp_path, "secret_key")
    assert keys.kept(tmp_path, "secret_key") == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert len(first) == 64


def test_credential_key_is_a_fernet_key():
    from cryptography.fernet import Fernet

    sealer = Fernet(keys.credential_key())
    assert sealer.decrypt(sealer.encrypt(b"x")) == b"x"


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    layout.make()
    return layout


def test_what_is_given_is_kept(layout):
    given = {
        "SOCIALDESK_SECRET_KEY_FILE": "/run/secrets/key",
        "SOCIALDESK_BASE_URL": "https://desk.example.org",
        "SOCIALDESK_ALLOW_PRIVATE_HOSTS": "10.0.0.1:443",
        "DATABASE_URL": "postgresql://elsewhere/x",
    }
    env = environment.program_environment(layout, given, {"REDIS_URL": "redis://here"}, 8000)
    assert {name: env[name] for name in given if "HOSTS" not in name} == {
        name: value for name, value in given.items() if "HOSTS" not in name
    }
    assert env["SOCIALDESK_ALLOW_PRIVATE_HOSTS"] == "10.0.0.1:443,127.0.0.1:8001"
    assert "SOCIALDESK_SECRET_KEY" not in env
    assert env["REDIS_URL"] == "redis://here"


def test_settings_made_are_settings_read(layout):
    from socialdesk.settings import env as declared

    made = environment.program_environment(layout, {}, {}, 8000)
    known = {item.name for item in declared.declared}
    assert {name for name in made if name.startswith("SOCIALDESK_")} <= known


def test_command_beside_a_running_desk_works_on_its_database(layout, monkeypatch):
    monkeypatch.setenv("SOCIALDESK_DATA_DIR", str(layout.root))
    running = {"DATABASE_URL": "postgresql://here", "SOCIALDESK_DEMO": "yes", "HOME": "/root"}
    environment.remember(layout, running)
    env = {}
    environment.use_running(env)
    assert env == {"DATABASE_URL": "postgresql://here", "SOCIALDESK_DEMO": "yes"}
    env = {"DATABASE_URL_FILE": "/run/secrets/url"}
    environment.use_running(env)
    assert env == {"DATABASE_URL_FILE": "/run/secrets/url"}
    environment.forget(layout)
    env = {}
    environment.use_running(env)
    assert env == {}


@pytest.mark.parametrize("text", ["", "{}", "[1]", "not json"])
def test_no_sign_ins_are_no_error(tmp_path, text):
    (tmp_path / "demo.json").write_text(text)
    assert demo_sign_ins(tmp_path / "demo.json") == []
    assert demo_sign_ins(tmp_path / "missing.json") == []

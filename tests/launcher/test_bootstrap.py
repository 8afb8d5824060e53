"""tools/bootstrap.py, with the installers replaced by a list of what was asked of them."""

import importlib.util
import json
import subprocess
import sys

import pytest

from socialdesk.launcher.layout import PROJECT


@pytest.fixture
def bootstrap(tmp_path, monkeypatch):
    """The module, working on a folder of its own; `calls` holds the commands it ran."""
    spec = importlib.util.spec_from_file_location("bootstrap", PROJECT / "tools" / "bootstrap.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, place in {
        "ROOT": tmp_path,
        "TOOLS": tmp_path / ".tools",
        "VENV": tmp_path / ".venv",
        "FRONTEND": tmp_path / "frontend",
        "LOCK": tmp_path / "requirements.lock",
        "DEV_LOCK": tmp_path / "requirements-dev.lock",
    }.items():
        monkeypatch.setattr(module, name, place)
    for name in ("requirements.lock", "requirements-dev.lock", "requirements-tools.lock"):
        (tmp_path / name).write_text("one==1\n")
    (tmp_path / "frontend" / "src").mkdir(parents=True)
    (tmp_path / "frontend" / "node_modules").mkdir()
    for name in ("package.json", "package-lock.json", "src/app.js"):
        (tmp_path / "frontend" / name).write_text("{}")
    (tmp_path / ".venv").mkdir()
    module.calls = []

    def call(command, why, **options):
        module.calls.append(" ".join(command))
        if "build" in command:
            (tmp_path / "frontend" / "dist").mkdir(exist_ok=True)

    monkeypatch.setattr(module, "call", call)
    monkeypatch.setattr(module, "venv_runs", lambda: True)
    monkeypatch.setattr(module, "find_uv", lambda: "uv")
    monkeypatch.setattr(module, "find_node", lambda: (["npm"], {}))
    return module


def locks(bootstrap) -> list[str]:
    return [command.rpartition("/")[2] for command in bootstrap.calls]


def test_packages_are_installed_only_when_the_lock_changed(bootstrap):
    bootstrap.make_environment(dev=False)
    bootstrap.make_environment(dev=False)
    assert locks(bootstrap) == ["requirements.lock"]
    assert "--require-hashes" in bootstrap.calls[0]
    bootstrap.LOCK.write_text("one==2\n")
    bootstrap.make_environment(dev=False)
    assert locks(bootstrap) == ["requirements.lock", "requirements.lock"]


def test_running_does_not_take_the_tools_of_the_tests_away(bootstrap):
    bootstrap.make_environment(dev=True)
    bootstrap.make_environment(dev=False)
    assert locks(bootstrap) == ["requirements-dev.lock"]
    bootstrap.LOCK.write_text("one==2\n")
    bootstrap.make_environment(dev=False)
    assert locks(bootstrap) == ["requirements-dev.lock", "requirements-dev.lock"]


def test_tests_add_their_tools(bootstrap):
    bootstrap.make_environment(dev=False)
    bootstrap.make_environment(dev=True)
    assert locks(bootstrap) == ["requirements.lock", "requirements-dev.lock"]


def test_an_installation_that_was_cut_short_is_done_again(bootstrap, monkeypatch):
    def fail(command, why, **options):
        raise bootstrap.Stop(why)

    bootstrap.make_environment(dev=False)
    bootstrap.LOCK.write_text("one==2\n")
    with monkeypatch.context() as patch:
        patch.setattr(bootstrap, "call", fail)
        with pytest.raises(bootstrap.Stop, match="could not be installed"):
            bootstrap.make_environment(dev=False)
    bootstrap.LOCK.write_text("one==1\n")
    bootstrap.make_environment(dev=False)
    assert locks(bootstrap) == ["requirements.lock", "requirements.lock"]


def test_environment_whose_python_is_gone_is_made_anew(bootstrap, monkeypatch):
    bootstrap.make_environment(dev=False)
    monkeypatch.setattr(bootstrap, "venv_runs", lambda: False)
    bootstrap.make_environment(dev=False)
    assert "uv venv --quiet --clear" in bootstrap.calls[1]
    assert f"--python {sys.executable}" in bootstrap.calls[1]


def test_bundle_is_built_only_when_a_source_changed(bootstrap):
    bootstrap.build_frontend()
    bootstrap.build_frontend()
    assert [c.split()[1] for c in bootstrap.calls] == ["ci", "run"]
    (bootstrap.FRONTEND / "src" / "app.js").write_text("changed")
    bootstrap.build_frontend()
    assert [c.split()[1] for c in bootstrap.calls] == ["ci", "run", "run"]
    (bootstrap.FRONTEND / "package-lock.json").write_text('{"changed": 1}')
    bootstrap.build_frontend()
    assert [c.split()[1] for c in bootstrap.calls] == ["ci", "run", "run", "ci", "run"]


def test_bundle_that_was_removed_is_built_again(bootstrap):
    bootstrap.build_frontend()
    (bootstrap.FRONTEND / "dist").rmdir()
    bootstrap.build_frontend()
    assert [c.split()[1] for c in bootstrap.calls] == ["ci", "run", "run"]


def test_missing_pip_and_venv_is_a_clear_message(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap, "output_of", lambda command: None)
    with pytest.raises(bootstrap.Stop, match="apt install python3-venv"):
        bootstrap.pip_command()


@pytest.mark.parametrize(("said", "recent"), [("uv 0.13.9", True), ("uv 0.2.1", False)])
def test_uv_of_the_machine_is_used_when_it_is_recent(bootstrap, monkeypatch, said, recent):
    monkeypatch.setattr(bootstrap, "output_of", lambda command: said)
    assert (bootstrap.uv_version("uv") >= bootstrap.OLDEST_UV) is recent


def test_old_python_is_a_clear_message(bootstrap, monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.Stop, match=r"needs Python 3\.11 or newer; .* is 3\.9"):
        bootstrap.require_python((3, 9))


def test_newer_python_of_the_machine_takes_over(bootstrap, monkeypatch):
    taken = []
    monkeypatch.setattr(
        bootstrap.shutil, "which", lambda name: f"/bin/{name}" if name == "python3.12" else None
    )
    monkeypatch.setattr(bootstrap.os, "execv", lambda program, words: taken.append(program))
    with pytest.raises(bootstrap.Stop):  # execv comes back here alone
        bootstrap.require_python((3, 9))
    assert taken == ["/bin/python3.12"]


def test_stamps_that_cannot_be_read_count_as_none(bootstrap, tmp_path):
    for text in ("", "[]", "null", json.dumps("x")):
        (tmp_path / "stamp").write_text(text)
        assert bootstrap.read_stamp(tmp_path / "stamp") == {}


def test_failing_command_stops_with_its_reason():
    code = (
        "import sys; sys.path.insert(0, 'tools'); import bootstrap;"
        "bootstrap.call(['false'], 'the reason')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert "Stop: the reason" in done.stderr

"""Settings from the environment fail loudly and say what to do."""

from __future__ import annotations

import pytest

from socialdesk.env import Env, EnvError


def test_a_required_value_that_is_missing_is_named():
    with pytest.raises(EnvError, match="SOCIALDESK_SECRET_KEY is not set"):
        Env({}).text("SOCIALDESK_SECRET_KEY", None, "Signs sessions.")


def test_a_value_may_come_from_a_file(tmp_path):
    file = tmp_path / "secret"
    file.write_text("from the file\n")
    env = Env({"SOCIALDESK_X_FILE": str(file)})
    assert env.text("SOCIALDESK_X", None, "") == "from the file"
    env.refuse_unknown()


def test_a_value_given_twice_is_refused(tmp_path):
    env = Env({"X": "1", "X_FILE": str(tmp_path / "x")})
    with pytest.raises(EnvError, match="Keep one of them"):
        env.text("X", "", "")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(EnvError, match="cannot be read"):
        Env({"X_FILE": str(tmp_path / "none")}).text("X", "", "")


@pytest.mark.parametrize(("word", "value"), [("yes", True), ("0", False), ("", True)])
def test_yes_and_no(word, value):
    assert Env({"X": word}).flag("X", True, "") is value


def test_any_other_word_is_no_answer():
    with pytest.raises(EnvError, match="yes or no"):
        Env({"X": "perhaps"}).flag("X", True, "")


def test_numbers():
    assert Env({"X": "7"}).integer("X", 1, "") == 7
    assert Env({}).integer("X", 1, "") == 1
    with pytest.raises(EnvError, match="whole number"):
        Env({"X": "7.5"}).integer("X", 1, "")
    with pytest.raises(EnvError, match="5 or more"):
        Env({"X": "4"}).integer("X", 9, "", at_least=5)


def test_lists():
    assert Env({"X": " a, ,b "}).items("X", (), "") == ["a", "b"]


@pytest.mark.parametrize(
    ("url", "host", "port", "password"),
    [
        ("postgresql://u:p%40ss@db:5433/desk", "db", "5433", "p@ss"),
        ("postgres:///desk?host=/tmp/s&port=5555", "/tmp/s", "5555", ""),
    ],
)
def test_database_addresses(url, host, port, password):
    found = Env({"DATABASE_URL": url}).database("DATABASE_URL", "")
    assert (found["HOST"], found["PORT"], found["PASSWORD"]) == (host, port, password)
    assert found["NAME"] == "desk"


@pytest.mark.parametrize("url", ["mysql://u@db/desk", "postgresql://u@db:port/desk", ""])
def test_other_databases_are_refused(url):
    with pytest.raises(EnvError, match="DATABASE_URL"):
        Env({"DATABASE_URL": url}).database("DATABASE_URL", "postgresql://…")


def test_a_typing_error_in_a_name_is_found():
    with pytest.raises(EnvError, match="SOCIALDESK_SECRT_KEY"):
        Env({"SOCIALDESK_SECRT_KEY": "x"}).refuse_unknown()

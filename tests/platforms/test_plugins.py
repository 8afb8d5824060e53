"""Platforms in packages of their own: installed and tested as ours are, or left out if faulty."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from accounts.connections import open_account
from accounts.health import account_check
from accounts.models import SocialAccount
from audit.models import Event
from platforms import plugins, registry
from platforms.contract import AuthorisationLost, RetryLater
from platforms.registry import ADAPTERS, UnknownPlatform, info_of_account, platform_info
from tests.factories import COMMAND, CredentialFactory

from .test_hostile import EXAMPLES

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "example_platform"
MANY = 1_000  # examples that only the long run has
BUILD = "import sys; from flit_core.buildapi import build_wheel; print(build_wheel(sys.argv[1]))"


def run(*command: str, cwd: Path = ROOT, **env: str) -> str:
    """What it prints; fails with that where it does not end well."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


# --- the example ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in it, as built and installed. Its wheel is of Python alone, so
    that unpacking it is all there is to installing (PyPA's binary distribution format).
    """
    folder = tmp_path_factory.mktemp("example")
    shutil.copytree(EXAMPLE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    wheel = run("-c", BUILD, str(folder), cwd=folder / "source").strip()
    with zipfile.ZipFile(folder / wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def tried(installed: Path, *words: str) -> int:
    """How many tests passed, as `make test-platform` runs them beside what is installed."""
    tests = installed.parent / "source"
    told = run(
        *("-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *words),
        PYTHONPATH=f"{installed}:{tests}",
        PLATFORM_WORLD="noticeboard_tests.world:NoticeboardWorld",
    )
    passed = re.search(r"(\d+) passed", told)
    assert passed, told
    return int(passed[1])


@pytest.mark.timeout(300)
def test_the_example_passes_the_suite_that_ours_have_to_pass(installed: Path) -> None:
    own = str(installed.parent / "source" / "noticeboard_tests")
    cases = ("tests/platforms/test_contract.py", "tests/platforms/test_bad_days.py")
    assert tried(installed, *cases, own) >= 190


@pytest.mark.timeout(0)
def test_the_example_stands_hostile_answers_as_ours_do(installed: Path) -> None:
    """As many as for each of ours in `make test-hostile`."""
    profile = "long" if EXAMPLES > MANY else "desk"
    words = (f"--hypothesis-profile={profile}", "-k", "noticeboard")
    assert tried(installed, "tests/platforms/test_hostile.py", *words) == 2


def test_nothing_of_its_tests_is_installed(installed: Path) -> None:
    assert sorted(path.name for path in installed.iterdir()) == [
        "socialdesk_noticeboard",
        "socialdesk_noticeboard-1.0.dist-info",
    ]


def test_it_is_a_platform_like_any_other_and_comes_after_ours(installed: Path) -> None:
    told = run(
        "-c",
        "from platforms.registry import *; print(platform_keys(), plugin_problems(),"
        " platform_info('noticeboard').label)",
        PYTHONPATH=str(installed),
    )
    assert told.strip() == f"{[*ADAPTERS, 'noticeboard']} () Notice board"


def test_where_it_is_not_installed_there_is_no_such_platform() -> None:
    with pytest.raises(UnknownPlatform):
        platform_info("noticeboard")


@pytest.fixture
def looked_again() -> Iterator[None]:
    """What is installed is looked for anew, before and after."""
    registry._plugins.cache_clear()
    yield
    registry._plugins.cache_clear()
    registry.adapter_class.cache_clear()


@pytest.fixture
def board(
    installed: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, looked_again: None
) -> Iterator[Any]:
    """The example's world, beside a desk that has it installed."""
    for folder in (installed, installed.parent / "source"):
        monkeypatch.syspath_prepend(str(folder))
    with forgotten("socialdesk_noticeboard", "noticeboard_tests"):
        world = import_module("noticeboard_tests.world").NoticeboardWorld()
        settings.ALLOW_PRIVATE_HOSTS = frozenset({world.server.private_host})
        yield world
        world.close()


@contextmanager
def forgotten(*beginnings: str) -> Iterator[None]:
    """What is imported of these within is forgotten after."""
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(beginnings):
            del sys.modules[name]


def test_an_account_on_it_is_connected_by_its_key_and_says_when_that_was_taken_back(
    board: Any, sign_in: Any, administrator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client = sign_in(administrator)
    assert "Notice board" in client.get("/accounts/connect/").content.decode()
    given = {"handle": "council", "base_url": board.server.url, "secret": board.secret}
    about = {"owner": administrator.email, "time_zone": "Europe/London"}
    client.post("/accounts/connect/noticeboard/", given | about)
    account = SocialAccount.objects.get()
    assert (account.platform, account.remote_id) == ("noticeboard", board.remote_id)
    assert account.limits.image_bytes_max == 400_000  # this board's own
    assert account_check(actor=COMMAND, account=account) is None
    board.revoke()
    assert isinstance(account_check(actor=COMMAND, account=account), AuthorisationLost)
    page = client.get(f"/accounts/{account.pk}/").content.decode()
    assert "Notice board no longer accepts the credentials" in page
    assert "The key of this office was taken back." in page
    assert board.secret not in page + caplog.text + str(list(Event.objects.values()))


# --- faulty ones ----------------------------------------------------------------------------------

GOOD = """
from dataclasses import replace
from platforms.mastodon import MastodonAdapter
class Adapter(MastodonAdapter):
    contract = 1
    info = replace(MastodonAdapter.info, key="good")
"""
GOOD_WITH = GOOD.replace('key="good"', "{}")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that packages are installed in; what is imported from there is forgotten after."""
    monkeypatch.syspath_prepend(str(tmp_path))
    with forgotten("plugged"):
        yield tmp_path


def install(site: Path, package: str, key: str, source: str, value: str = "") -> None:
    module = f"plugged_{package}"
    (site / f"{module}.py").write_text(source)
    about = site / f"{package}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        f"[{plugins.GROUP}]\n{key} = {value or f'{module}:Adapter'}\n"
    )


@pytest.mark.parametrize(
    ("key", "source", "value", "why"),
    [
        ("x", GOOD, "", "Socialdesk itself has a platform of this name."),
        ("Bad-Key", GOOD, "", "small letters"),
        ("broken", "1 / 0", "", "cannot be imported: ZeroDivisionError"),
        ("broken", "import not_there_at_all", "", "cannot be imported: ModuleNotFoundError"),
        ("broken", "raise SystemExit(3)", "", "cannot be imported: SystemExit: 3"),
        ("broken", "def (", "", "cannot be imported: SyntaxError"),
        ("nothing", "", "", "cannot be imported: AttributeError"),
        ("nothing", "", "plugged_nowhere:Adapter", "cannot be imported: ModuleNotFoundError"),
        ("number", "Adapter = 7", "", "is no class"),
        ("empty", "class Adapter: pass", "", "does not say for which contract"),
        ("empty", "class Adapter: contract = 1", "", "has no verify, limits, publish"),
        ("good", GOOD.replace("= 1", "= 2"), "", "written for contract 2, and this Socialdesk has"),
        ("good", GOOD.replace("= 1", "= '1'"), "", "written for contract '1'"),
        ("bare", GOOD + "    info = None", "", "info is no PlatformInfo"),
        ("other", GOOD, "", "declares the key 'good' and is installed as 'other'"),
        ("mute", GOOD_WITH.format('key="mute", label=" "'), "", "info has no label"),
        ("odd", GOOD_WITH.format('key="odd", limits=500'), "", "info.limits is no Limits"),
        ("odd", GOOD_WITH.format('key="odd", features={"reply"}'), "", "no frozenset of Feature"),
        ("good", GOOD + "    edit = None", "", "declares that texts can be changed, and has no"),
    ],
)
def test_a_faulty_one_is_left_out_and_the_rest_goes_on(
    site: Path, caplog: pytest.LogCaptureFixture, key: str, source: str, value: str, why: str
) -> None:
    install(site, "fine", "fine", GOOD.replace("good", "fine"))
    install(site, "faulty", key, source, value)
    found = plugins.find(ADAPTERS)
    assert list(found.adapters) == ["fine"]
    (problem,) = found.problems
    assert (problem.key, problem.source) == (key, "faulty")
    assert why in problem.why
    assert f"Platform {key!r} of faulty is left out." in caplog.text


def test_of_two_with_the_same_name_neither_is_taken(site: Path) -> None:
    install(site, "one", "good", GOOD)
    install(site, "two", "good", GOOD)
    found = plugins.find(ADAPTERS)
    assert found.adapters == {}
    assert [problem.source for problem in found.problems] == ["one", "two"]
    assert all("same name" in problem.why for problem in found.problems)


def test_the_system_check_and_the_page_of_platforms_tell_of_a_faulty_one(
    site: Path, looked_again: None, sign_in: Any, administrator: Any
) -> None:
    install(site, "faulty", "broken", "raise RuntimeError('no board')")
    (told,) = [one for one in run_checks() if one.id == "accounts.W001"]
    assert "'broken' of faulty is left out. It cannot be imported: RuntimeError" in told.msg
    assert not told.is_serious(40)  # nothing is stopped by it
    page = sign_in(administrator).get("/settings/platforms/").content.decode()
    assert "It cannot be imported: RuntimeError: no board" in page
    assert platform_info("mastodon").label == "Mastodon"


def test_an_account_whose_platform_is_gone_is_shown_and_waits(db: None) -> None:
    account = CredentialFactory(account__platform="gone").account
    assert "gone (not installed)" in str(account)
    assert info_of_account("gone").features == frozenset()
    with pytest.raises(RetryLater, match="'gone' is not installed"):
        open_account(account)

"""Platforms in packages of their own: installed and tested as ours are, or left out if faulty."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.checks import run_checks

from accounts.connections import open_account
from platforms import plugins, registry
from platforms.contract import RetryLater
from platforms.registry import ADAPTERS, UnknownPlatform, info_of_account, platform_info
from tests.factories import CredentialFactory

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "docs" / "example_platform"
BUILD = "import sys; from flit_core.buildapi import build_wheel; print(build_wheel(sys.argv[1]))"


def run(*command: str, cwd: Path = ROOT, **env: str) -> str:
    """What it prints; fails with that where it does not end well."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=300,
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
    shutil.copytree(EXAMPLE, folder / "source")
    wheel = run("-c", BUILD, str(folder), cwd=folder / "source").strip()
    with zipfile.ZipFile(folder / wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.timeout(300)
def test_the_example_passes_the_contract_suite_as_ours_do(installed: Path) -> None:
    suite = ("-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", "-k", "noticeboard")
    told = run(*suite, "tests/platforms/test_contract.py", PYTHONPATH=str(installed))
    passed = re.search(r"(\d+) passed", told)
    assert passed, told
    assert int(passed[1]) >= 70


def test_it_is_a_platform_like_any_other_and_comes_after_ours(installed: Path) -> None:
    told = run(
        "-c",
        "from platforms.registry import *; print(platform_keys(), plugin_problems(),"
        " platform_info('noticeboard').label)",
        PYTHONPATH=str(installed),
    )
    assert told.strip() == f"{[*ADAPTERS, 'noticeboard']} () Noticeboard"


def test_where_it_is_not_installed_there_is_no_such_platform() -> None:
    with pytest.raises(UnknownPlatform):
        platform_info("noticeboard")


# --- faulty ones ----------------------------------------------------------------------------------

GOOD = """
from dataclasses import replace
from platforms.mastodon import MastodonAdapter
class Adapter(MastodonAdapter):
    info = replace(MastodonAdapter.info, key="good")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that packages are installed in; what is imported from there is forgotten after."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("plugged"):
            del sys.modules[name]


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
        ("nothing", "", "", "cannot be imported: AttributeError"),
        ("nothing", "", "plugged_nowhere:Adapter", "cannot be imported: ModuleNotFoundError"),
        ("number", "Adapter = 7", "", "is no class"),
        ("empty", "class Adapter: pass", "", "has no verify, limits, publish"),
        ("bare", GOOD + "    info = None", "", "info is no PlatformInfo"),
        ("other", GOOD, "", "declares the key 'good' and is installed as 'other'"),
    ],
)
def test_a_faulty_one_is_left_out_and_the_rest_goes_on(
    site: Path, key: str, source: str, value: str, why: str
) -> None:
    install(site, "fine", "good", GOOD)
    install(site, "faulty", key, source, value)
    found = plugins.find(ADAPTERS)
    assert list(found.adapters) == ["good"]
    (problem,) = found.problems
    assert (problem.key, problem.source) == (key, "faulty")
    assert why in problem.why


def test_of_two_with_the_same_name_neither_is_taken(site: Path) -> None:
    install(site, "one", "good", GOOD)
    install(site, "two", "good", GOOD)
    found = plugins.find(ADAPTERS)
    assert found.adapters == {}
    assert [problem.source for problem in found.problems] == ["one", "two"]
    assert all("same name" in problem.why for problem in found.problems)


@pytest.fixture
def looked_again() -> Iterator[None]:
    """What is installed is looked for anew, before and after."""
    registry._plugins.cache_clear()
    yield
    registry._plugins.cache_clear()
    registry.adapter_class.cache_clear()


def test_the_system_check_warns_of_a_faulty_one(site: Path, looked_again: None) -> None:
    install(site, "faulty", "broken", "raise RuntimeError('no board')")
    (told,) = [one for one in run_checks() if one.id == "accounts.W001"]
    assert "'broken' of faulty is left out. It cannot be imported: RuntimeError" in told.msg
    assert not told.is_serious(40)  # nothing is stopped by it
    assert platform_info("mastodon").label == "Mastodon"


def test_an_account_whose_platform_is_gone_is_shown_and_waits(db: None) -> None:
    account = CredentialFactory(account__platform="gone").account
    assert "gone (not installed)" in str(account)
    assert info_of_account("gone").features == frozenset()
    with pytest.raises(RetryLater, match="'gone' is not installed"):
        open_account(account)

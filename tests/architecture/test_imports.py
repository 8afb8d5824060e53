"""The import contracts of pyproject.toml hold, and would not if an arrow pointed the wrong way."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "scheduling", "mentions", "operations", "audit")
MODULES = [
    "platforms/__init__",
    "platforms/contract",
    "socialdesk/__init__",
    "socialdesk/urls",
    *(f"{app}/{name}" for app in APPS for name in ("__init__", "urls", "tasks", "forms", "policy")),
    *(f"{app}/{folder}/{name}" for app in APPS for folder in ("views", "services", "models")
      for name in ("__init__", "one")),
    *(f"{app}/management/{name}" for app in APPS for name in ("__init__", "commands/__init__",
                                                              "commands/do")),
]  # fmt: skip

DOWN = [
    ("socialdesk/urls", "mentions.views.one"),
    ("operations/services/one", "mentions.models.one"),
    ("mentions/services/one", "scheduling.services.one"),
    ("scheduling/models/one", "accounts.models.one"),
    ("accounts/services/one", "audit.models.one"),
    ("accounts/models/one", "platforms.contract"),
    # Pages, tasks and commands stand above every app, whichever they belong to.
    ("audit/views/one", "accounts.policy"),
    ("audit/forms", "scheduling.models.one"),
    ("audit/management/commands/do", "mentions.services.one"),
    ("accounts/tasks", "scheduling.services.one"),
    ("audit/urls", "audit.views.one"),
]
UP = [
    ("audit/models/one", "accounts.models.one"),
    ("audit/policy", "scheduling.models.one"),
    ("accounts/services/one", "scheduling.services.one"),
    ("scheduling/services/one", "mentions.models.one"),
    ("scheduling/services/one", "scheduling.tasks"),
    ("accounts/policy", "accounts.forms"),
    ("audit/services/one", "audit.views.one"),
    ("mentions/models/one", "accounts.management.commands.do"),
    ("mentions/views/one", "socialdesk.urls"),
    ("mentions/services/one", "operations.models.one"),
    ("operations/services/one", "socialdesk"),
    ("audit/tasks", "socialdesk"),
    ("platforms/contract", "audit.models.one"),
    ("platforms/contract", "django.db"),
    ("audit/models/one", "platforms.contract"),
    ("mentions/services/one", "atproto"),
]


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=folder,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Rooms like ours with nothing in them, under our contracts."""
    for module in MODULES:
        path = tmp_path / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    settings = (ROOT / "pyproject.toml").read_text()
    contracts = re.search(r"^\[tool\.importlinter\].*", settings, re.DOTALL | re.MULTILINE)
    assert contracts
    (tmp_path / "pyproject.toml").write_text(contracts[0])
    return tmp_path


def test_the_contracts_hold():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_arrows_down_are_kept(house):
    for importer, imported in DOWN:
        with (house / f"{importer}.py").open("a") as module:
            module.write(f"import {imported}\n")
    done = lint(house)
    assert done.returncode == 0, done.stdout


def test_every_arrow_up_is_named(house):
    for importer, imported in UP:
        with (house / f"{importer}.py").open("a") as module:
            module.write(f"import {imported}\n")
    done = lint(house)
    assert done.returncode == 1, done.stdout + done.stderr
    links = set(re.findall(r"(\S+) -> (\S+) \(l", done.stdout))
    missed = [(a, b) for a, b in UP if not named(links, a.replace("/", "."), b)]
    assert not missed, done.stdout


def named(links: set[tuple[str, str]], importer: str, imported: str) -> bool:
    """Outside packages are named by their first part alone."""
    return bool(links & {(importer, imported), (importer, imported.partition(".")[0])})

"""The platforms know nothing of Django, nor of anything else of Socialdesk."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

FORBIDDEN = {
    "django",
    "celery",
    "guardian",
    "socialdesk",
    "accounts",
    "scheduling",
    "mentions",
    "operations",
}
FORBIDDEN |= {"audit"}

IMPORT_ALL = """
import pkgutil, sys, importlib, platforms
for module in pkgutil.walk_packages(platforms.__path__, "platforms."):
    if module.name.rpartition(".")[2] not in ("__main__", "wsgi", "gunicorn_settings"):
        importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""

IMPORT_REGISTRY = """
import sys
from platforms.registry import ADAPTERS, platform_keys
assert platform_keys() == list(ADAPTERS)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def run(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_no_module_comes_to_import_django_or_the_rest() -> None:
    assert not run(IMPORT_ALL) & FORBIDDEN


def test_no_file_names_django_or_the_rest() -> None:
    """Also those that are programs and cannot be imported here."""
    files = list((ROOT / "platforms").rglob("*.py"))
    assert len(files) > 20
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not {name.partition(".")[0] for name in names} & FORBIDDEN, file


def test_a_platform_is_loaded_when_it_is_asked_for() -> None:
    assert not run(IMPORT_REGISTRY) & {"atproto", "mastodon", "requests", "flask"}

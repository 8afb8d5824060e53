"""The demo sign-ins, as `seed_demo --json` gave them on the first start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def demo_sign_ins(path: Path) -> list[tuple[str, str, str]]:
    """(e-mail address, password, who that is) of each demo person; empty when none were made."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return list(_people(said))


def _people(value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, dict):
        if {"email", "password"} <= value.keys():
            who = value.get("role") or value.get("title") or value.get("name") or ""
            yield str(value["email"]), str(value["password"]), str(who)
        else:
            for inner in value.values():
                yield from _people(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _people(inner)

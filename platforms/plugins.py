"""Platforms in packages of their own, by an entry point of the group `socialdesk.platforms`.

    [project.entry-points."socialdesk.platforms"]
    noticeboard = "socialdesk_noticeboard:NoticeboardAdapter"

A plug-in runs with all the rights of Socialdesk: installing it is trusting it. What is faulty is
left out and said, and the rest goes on.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from platforms.contract import VERSION, Adapter
from platforms.declared import Feature, Limits, PlatformInfo

log = logging.getLogger(__name__)

GROUP = "socialdesk.platforms"
_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")
_METHODS = tuple(
    name for name, value in vars(Adapter).items() if callable(value) and not name.startswith("_")
)


@dataclass(frozen=True, slots=True)
class Problem:
    """A plug-in that is left out. `source` is its package, `why` a sentence for people."""

    key: str
    source: str
    why: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is installed: adapters by key, and what is wrong with the others."""

    adapters: dict[str, type[Adapter]]
    problems: tuple[Problem, ...]


class _Faulty(Exception):
    """Reads as the reason."""


def find(taken: Container[str]) -> Found:
    """Import every plug-in. `taken` are the keys of our own, which none may have.

    Of two that want the same key neither gets it: which came first would be chance.
    """
    entries = sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, _source(entry)))
    wanted = Counter(entry.name for entry in entries)
    adapters: dict[str, type[Adapter]] = {}
    problems = []
    for entry in entries:
        try:
            if entry.name in taken:
                raise _Faulty("Socialdesk itself has a platform of this name.")
            if wanted[entry.name] > 1:
                raise _Faulty("Another package has a platform of the same name.")
            adapters[entry.name] = _load(entry)
        except _Faulty as faulty:
            problems.append(Problem(entry.name, _source(entry), str(faulty)))
            log.warning("Platform %r of %s is left out. %s", entry.name, _source(entry), faulty)
    return Found(adapters, tuple(problems))


def _source(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value


def _load(entry: EntryPoint) -> type[Adapter]:
    """The adapter it names; raises _Faulty."""
    if not _KEY.fullmatch(entry.name):
        raise _Faulty("Its name has to be up to 32 small letters, digits and underscores.")
    try:
        found: Any = entry.load()
    except (Exception, SystemExit) as failure:  # noqa: BLE001  # whatever somebody else's module raises
        raise _Faulty(f"It cannot be imported: {type(failure).__name__}: {failure}") from None
    if not isinstance(found, type):
        raise _Faulty(f"{entry.value} is no class.")
    for fault in _faults(found, entry):
        raise _Faulty(fault)
    return cast("type[Adapter]", found)


def _faults(found: type, entry: EntryPoint) -> Iterator[str]:
    """What keeps this class from being an adapter, as far as it can be told without opening one."""
    written_for = getattr(found, "contract", None)
    if written_for is None:
        yield f"{entry.value} does not say for which contract it was written: contract = {VERSION}."
    if written_for != VERSION:
        yield (
            f"It was written for contract {written_for!r}, and this Socialdesk has contract "
            f"{VERSION}. Install a version of the package that was written for it."
        )
    missing = [name for name in _METHODS if not callable(getattr(found, name, None))]
    if missing:
        yield f"{entry.value} has no {', '.join(missing)}."
    info = getattr(found, "info", None)
    if not isinstance(info, PlatformInfo):
        yield f"{entry.value}.info is no PlatformInfo."
        return
    if info.key != entry.name:
        yield f"It declares the key {info.key!r} and is installed as {entry.name!r}."
    if not isinstance(info.label, str) or not info.label.strip():
        yield f"{entry.value}.info has no label."
    if not isinstance(info.limits, Limits):
        yield f"{entry.value}.info.limits is no Limits."
    if not isinstance(info.features, frozenset) or not info.features <= set(Feature):
        yield f"{entry.value}.info.features is no frozenset of Feature."
    elif Feature.EDIT in info.features and not callable(getattr(found, "edit", None)):
        yield f"{entry.value} declares that texts can be changed, and has no edit."

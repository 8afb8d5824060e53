"""Child processes that die with the launcher, and are known again by a record on disk.

Standard library only: tools/bootstrap.py uses it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True, slots=True)
class Record:
    """A process we started. `born` tells it from a later one that was given the same number."""

    name: str
    pid: int
    born: str
    detached: bool = False
    port: int = 0

    def write(self, folder: Path) -> None:
        path = folder / f"{self.name}.json"
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self)), encoding="utf-8")
        part.replace(path)


def read_record(folder: Path, name: str) -> Record | None:
    """The record of `name`, or None where there is none or it cannot be read."""
    try:
        return Record(**json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def forget(folder: Path, name: str) -> None:
    """Drop the record of `name`."""
    (folder / f"{name}.json").unlink(missing_ok=True)


def birth(pid: int) -> str | None:
    """When `pid` was started, as an opaque word unique on this machine; None if it is not there.

    A process that has ended and only waits for its parent to notice counts as not there.
    """
    if LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()  # the command's name may hold spaces
        return None if fields[0] in {"Z", "X"} else f"{boot}/{fields[19]}"
    done = run(["/bin/ps", "-o", "lstart=", "-o", "stat=", "-p", str(pid)])
    words = done.stdout.split()
    return None if done.returncode or not words or "Z" in words[-1] else " ".join(words[:-1])


def command_line(pid: int) -> str:
    """The words `pid` was started with; empty when it is not there or not ours to look at."""
    if LINUX:
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return ""
        return os.fsdecode(b" ".join(words)).strip()
    return run(["/bin/ps", "-o", "command=", "-p", str(pid)]).stdout.strip()


def is_alive(record: Record) -> bool:
    """Whether the very process of `record` still runs."""
    return birth(record.pid) == record.born


def record_of(name: str, pid: int, *, detached: bool = False, port: int = 0) -> Record:
    """A record of the running `pid`."""
    return Record(name, pid, birth(pid) or "", detached, port)


# Run by a bare interpreter that then becomes the program. A `preexec_fn` would do the same, but is
# not safe in a process that has threads.
_DIE_WITH_PARENT = f"""
import ctypes, os, sys
number, parent, *command = sys.argv[1:]
ctypes.CDLL(None).prctl({_PR_SET_PDEATHSIG}, int(number), 0, 0, 0)
if os.getppid() != int(parent):  # it died before the line above
    sys.exit(1)
os.execvp(command[0], command)
"""


def _dying_with_parent(command: Sequence[str], number: signal.Signals) -> list[str]:
    """`command`, to get `number` when the thread that starts it ends (Linux)."""
    if not LINUX:
        return list(command)
    shim = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(int(number)), str(os.getpid())]
    return [*shim, *command]


def end_with_parent() -> None:
    """Ask for SIGTERM when our own parent ends (Linux; elsewhere nothing happens)."""
    if LINUX:
        parent = os.getppid()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes] | int,
    detached: bool = False,
    death_signal: signal.Signals = signal.SIGTERM,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own, so that Ctrl-C reaches the launcher alone.

    Unless `detached`, it gets `death_signal` when the launcher's main thread ends (Linux). Call
    from the main thread: the kernel watches the thread, not the process. Raises OSError.
    """
    return subprocess.Popen(  # noqa: S603  # no shell; every word is ours
        list(command) if detached else _dying_with_parent(command, death_signal),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        env=dict(env),
        cwd=cwd,
        start_new_session=True,
    )


def signal_process(pid: int, number: signal.Signals) -> None:
    """Send `number`; a process that is gone is no error. SIGKILL takes its children along."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    if number == signal.SIGKILL:
        kill_group(pid)


def kill_group(pid: int) -> None:
    """Kill what a process of `spawn` leaves behind: it led a group of its own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def stop_record(record: Record, steps: Sequence[tuple[signal.Signals, float]]) -> bool:
    """Send each signal of `steps` in turn, waiting so many seconds after each; True once gone."""
    for number, seconds in steps:
        if not is_alive(record):
            return True
        signal_process(record.pid, number)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not is_alive(record):
                return True
            time.sleep(0.02)
    return not is_alive(record)


def run(
    command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run to the end and collect what it printed, both streams as one. Raises OSError."""
    return subprocess.run(  # noqa: S603  # no shell; every word is ours
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=None if env is None else dict(env),
        cwd=cwd,
        text=True,
        errors="replace",
        check=False,
    )


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, for a message about what went wrong; empty where there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return ""

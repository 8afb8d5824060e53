"""What a killed launcher left running. Standard library only: tools/bootstrap.py uses it."""

from __future__ import annotations

import signal

from socialdesk.launcher import ports, processes, programs
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.lock import exclusive

# In the order they are stopped: nobody loses the server it still needs.
PROGRAMS = ("beat", "sealer", *reversed(programs.workers()), "web", "sandbox")
STOP_STEPS = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


def stop_leftovers(layout: Layout) -> list[str]:
    """Stop the programs that records name and that are still the very same; their names.

    Call with the data folder held (`exclusive`), or it stops a launcher that is alive and well.
    """
    stopped = []
    for name in PROGRAMS:
        record = processes.read_record(layout.run, name)
        if record is not None and processes.is_alive(record):
            processes.stop_record(record, STOP_STEPS)
            stopped.append(name)
        processes.forget(layout.run, name)
    return stopped


def require_free(layout: Layout, port: int) -> None:
    """Nobody else runs from this folder or has the ports; leftovers of ours go. LauncherError."""
    with exclusive(layout):
        stop_leftovers(layout)
        ports.require(port)

"""TCP ports of this machine. Standard library only: tools/bootstrap.py uses it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from socialdesk.launcher.errors import LauncherError

LOOPBACK = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections only linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port nobody listens on; another process may still take it first, so be ready to retry."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def candidates(before: int, tries: int) -> Iterator[int]:
    """Ports to try: the one a server had `before` (0: none), whose clients know it, then others."""
    if before:
        yield before
        return
    for _ in range(tries):
        yield any_free()


def require(port: int) -> None:
    """The page's port and the Sandbox network's, one above, are free. Raises LauncherError."""
    if not 1 <= port < 65535:
        raise LauncherError(f"PORT={port} is no port; use a number from 1024 to 65534.")
    if os.geteuid() != 0 and port < 1024:
        raise LauncherError(f"Port {port} needs root. Choose another: make run PORT=8000")
    for number, use in ((port, "Socialdesk"), (port + 1, "the Sandbox network")):
        if not is_free(number):
            raise LauncherError(
                f"Port {number}, wanted for {use}, is taken by another program.\n"
                f"Stop that program, or choose another port: make run PORT={port + 100}"
            )

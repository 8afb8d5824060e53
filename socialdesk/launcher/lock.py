"""One launcher at a time for one data folder. Standard library only: tools/bootstrap.py uses it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.layout import Layout


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold the data folder: two launchers at once would stop each other's servers.

    The lock goes with the process, however that ends. Raises LauncherError when it is held.
    """
    layout.make()
    with (layout.run / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise LauncherError(
                f"Socialdesk already runs from this folder (process {file.read() or 'unknown'}, "
                f"data in {layout.root}).\nStop that one first: Ctrl-C in its window."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)

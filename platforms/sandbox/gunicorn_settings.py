"""Settings of the server behind `python -m platforms.sandbox`; gunicorn reads the names below.

One worker process: which posts are being worked on is known to one process alone.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from threading import Event
from types import FrameType
from typing import Any

from platforms.sandbox.network import THREADS

bind = os.environ["SANDBOX_BIND"]
worker_class = "gthread"
workers = 1
threads = THREADS
timeout = 60
graceful_timeout = 5
keepalive = 5
control_socket_disable = True
errorlog = "-"
loglevel = "warning"
proc_name = "sandbox"


def post_worker_init(worker: Any) -> None:
    """Let go of requests that are held up on purpose, so that stopping takes no time."""
    stopping = worker.wsgi.extensions["sandbox"].stopping
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _letting_go(stopping, signal.getsignal(number)))


def _letting_go(stopping: Event, before: Any) -> Callable[[int, FrameType | None], None]:
    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        before(number, frame)

    return stop

"""Settings of the server behind `python -m platforms.sandbox`; gunicorn reads the names below.

One worker process: which posts are being worked on is known to one process alone.
"""

from __future__ import annotations

import os
import signal
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
    before = signal.getsignal(signal.SIGTERM)

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, stop)

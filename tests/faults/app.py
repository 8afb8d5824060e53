"""The Celery app of the fault tests' workers and clocks: the real one, made mortal.

    celery -A tests.faults.app:app worker|beat

FAULTS_DIE_AT=point:n    the process kills itself at the n-th arrival at this named point
FAULTS_DIARY=path        and says so there first: one line, 'time point'
FAULTS_CLOCK=path        its clock is wrong by as many seconds as the file says
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from celery.signals import after_task_publish, before_task_publish
from django.utils import timezone

from scheduling.engine import points
from socialdesk.celery import app
from tests.faults import adapters

BEAT_POINTS = {"beat.before_message": before_task_publish, "beat.after_message": after_task_publish}
"""A clock has no code of ours: these are its own two sides of handing over a message."""


def die_at(wanted: str, nth: int, diary: Path) -> None:
    """Kill this process by SIGKILL at the n-th arrival at the point called `wanted`."""
    arrivals = count(1)

    def reached(point: str) -> None:
        if point == wanted and next(arrivals) == nth:
            with diary.open("a") as file:
                file.write(f"{time.time()} {point}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    if (message := BEAT_POINTS.get(wanted)) is not None:
        message.connect(lambda **_: reached(wanted), weak=False)
    else:
        points.hook = reached


def be_wrong_by(path: Path) -> None:
    """Make Django's clock wrong in this process, by what the file says at any time."""
    right = timezone.now

    def now() -> datetime:
        return right() + timedelta(seconds=float(path.read_text() or 0))

    timezone.now = now


def _prepare(env: Any) -> None:
    adapters.register()
    faulthandler.register(signal.SIGUSR1)  # says where every thread stands, into the log
    if plan := env.get("FAULTS_DIE_AT"):
        point, _, nth = plan.rpartition(":")
        die_at(point, int(nth), Path(env["FAULTS_DIARY"]))
    if clock := env.get("FAULTS_CLOCK"):
        be_wrong_by(Path(clock))


_prepare(os.environ)
__all__ = ["app"]

"""Keeps jobs running, passes on what they print, and stops them in order."""

from __future__ import annotations

import selectors
import time
from collections.abc import Sequence
from dataclasses import dataclass

from socialdesk.launcher.console import Console
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.jobs import Job

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
TRIES = 5  # deaths in a row before it is no accident any more
TRIES_AT_START = 2  # while it has never worked, an accident is unlikely
SETTLED_S = 60.0  # having run so long, an earlier death no longer counts


@dataclass
class _Watch:
    job: Job
    started: float = 0.0
    deaths: int = 0
    due: float | None = None  # when to start it again


class Supervisor:
    """Jobs in the order they are started; they are stopped in the opposite one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._watched: list[_Watch] = []
        self._stop_seconds: dict[str, float] = {}
        self._tries = TRIES_AT_START

    def add(self, job: Job, *, stop_seconds: float = 10.0, running: bool = False) -> None:
        """Start `job` (unless it is `running` already) and keep it so.

        When stopped it has `stop_seconds` to finish. Raises LauncherError or OSError.
        """
        watch = _Watch(job, started=time.monotonic())
        self._watched.append(watch)
        self._stop_seconds[job.name] = stop_seconds
        if not running:
            job.start()

    def all_is_well(self) -> None:
        """Everything has worked: from now on a death may be an accident."""
        self._tries = TRIES

    def tick(self, seconds: float = 0.25) -> None:
        """Pass on output for up to `seconds`; notice deaths and start again what is due.

        Raises LauncherError when a job keeps dying.
        """
        self._pump(seconds)
        now = time.monotonic()
        for watch in self._watched:
            if watch.due is not None:
                if now >= watch.due:
                    self._restart(watch, now)
                continue
            code = watch.job.ended()
            if code is not None:
                self._died(watch, code, now)

    def stop(self, *, hurry: Sequence[bool] | None = None) -> None:
        """Stop all, last started first. A true value put into `hurry` cuts the waiting short."""
        while self._watched:
            watch = self._watched[-1]
            self._stop_one(watch.job, hurry or ())
            self._watched.pop()

    def _pump(self, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            for watch in self._watched:
                descriptor = watch.job.output()
                if descriptor is not None:
                    selector.register(descriptor, selectors.EVENT_READ, watch.job)
            if not selector.get_map():
                time.sleep(seconds)
                return
            ready = selector.select(seconds)
            at_end = [not key.data.pump() for key, _ in ready]
        if at_end and all(at_end):
            time.sleep(0.05)  # a closed pipe is always ready: do not spin until its owner ends

    def _died(self, watch: _Watch, code: int, now: float) -> None:
        if now - watch.started >= SETTLED_S:
            watch.deaths = 0
        watch.deaths += 1
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        if watch.deaths >= self._tries:
            raise LauncherError(
                f"{watch.job.name} ended {watch.deaths} times in a row (last: {how}); giving up. "
                f"Its last lines:\n{watch.job.last_words()}"
            )
        pause = min(FIRST_PAUSE_S * 2 ** (watch.deaths - 1), LONGEST_PAUSE_S)
        watch.due = now + pause
        self._console.say(f"{watch.job.name} ended ({how}); starting it again in {pause:.0f} s.")

    def _restart(self, watch: _Watch, now: float) -> None:
        watch.due = None
        watch.started = now
        try:
            watch.job.start()
        except (LauncherError, OSError) as error:
            self._console.say(f"{watch.job.name} could not be started: {error}")
            self._died(watch, 1, now)

    def _stop_one(self, job: Job, hurry: Sequence[bool]) -> None:
        if job.ended() is not None:
            return
        job.ask_to_stop()
        until = time.monotonic() + self._stop_seconds[job.name]
        while job.ended() is None and time.monotonic() < until and not any(hurry):
            self._pump(0.05)
        if job.ended() is None:
            self._console.say(f"{job.name} does not stop by itself; ending it.")
            job.kill()

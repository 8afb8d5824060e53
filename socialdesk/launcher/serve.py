"""`make run`: everything on one machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping, Sequence
from types import FrameType

from socialdesk.launcher import environment, leftovers, ports, programs
from socialdesk.launcher.console import Console, TerminalGone
from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.jobs import Program, Server
from socialdesk.launcher.layout import Layout
from socialdesk.launcher.lock import exclusive
from socialdesk.launcher.preparation import Preparation
from socialdesk.launcher.ready import Probe
from socialdesk.launcher.services import Services
from socialdesk.launcher.signin import demo_sign_ins
from socialdesk.launcher.supervisor import Supervisor

READY_SECONDS = 90.0
WRONG_ANSWERS = 5  # a page that answers, but not as it should, will not mend itself
DRAIN_SECONDS = 30.0


class StopRequested(Exception):
    """Somebody pressed Ctrl-C, closed the window or sent a signal."""


class _Signals:
    """Counts requests to stop; looked at between steps, so that no step is torn in two."""

    def __init__(self) -> None:
        self.seen: list[bool] = []
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
            signal.signal(signal.SIGHUP, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.seen.append(True)

    def check(self) -> None:
        if self.seen:
            raise StopRequested

    def after_first(self) -> Sequence[bool]:
        """A view that turns true on the next request, for those in a hurry."""
        self.seen.clear()
        return self.seen


class _Run:
    """One start, from the servers to the last line printed."""

    def __init__(self, layout: Layout, port: int, since: float, console: Console) -> None:
        self._layout = layout
        self._port = port
        self._since = since
        self._console = console
        self._signals = _Signals()
        self._supervisor = Supervisor(console)
        self._services: Services | None = None

    def until_stopped(self) -> None:
        """Start all, keep it running, stop all. Raises LauncherError."""
        try:
            self._start()
            while True:
                self._signals.check()
                self._supervisor.tick()
        except (StopRequested, TerminalGone):
            pass
        finally:
            self._stop()

    def _start(self) -> None:
        for name in leftovers.stop_leftovers(self._layout):
            self._console.say(f"Stopped {name}, which an earlier start had left behind.")
        ports.require(self._port)
        env = self._start_services()
        self._signals.check()
        demo = environment.is_demo(env)
        self._add("sandbox", programs.sandbox(self._layout, self._port, demo=demo), env)
        preparation = Preparation(self._layout, env, self._console)
        done = preparation.is_done()
        if not done:
            preparation.run(self._finish)
        self._add("web", programs.web(self._port), env, stop_seconds=15)
        environment.remember(self._layout, env)
        self._wait_until_ready(env.get("SOCIALDESK_BASE_URL", ""), preparation, prepared=not done)
        # The page first: on a small machine all at once would be later for everybody. What is due
        # meanwhile is in the database and none the worse for a second.
        for name, command in programs.workers().items():
            self._add(name, command, env, stop_seconds=DRAIN_SECONDS)
        self._add("sealer", programs.sealer(), env)
        self._add("beat", programs.beat(self._layout), env)
        self._supervisor.all_is_well()
        self._greet(demo_sign_ins(preparation.demo))

    def _start_services(self) -> dict[str, str]:
        services = Services(self._layout, os.environ)
        if services.urls:
            self._console.say("Starting the embedded servers ...")
        services.start()
        self._services = services
        for name, server in services.started:
            self._supervisor.add(Server(name, server), stop_seconds=20, running=True)
        return environment.program_environment(self._layout, os.environ, services.urls, self._port)

    def _add(
        self, name: str, command: Sequence[str], env: Mapping[str, str], stop_seconds: float = 10
    ) -> None:
        program = Program(name, command, env, self._layout, self._console.line)
        self._supervisor.add(program, stop_seconds=stop_seconds)

    def _finish(self, job: Program) -> int:
        """Wait for the end of a program that is no job of the supervisor's; its exit code."""
        while (code := job.ended()) is None:
            self._signals.check()
            self._supervisor.tick(0.05)
            while job.pump():
                pass
        return code

    def _wait_until_ready(self, base_url: str, preparation: Preparation, *, prepared: bool) -> None:
        until = time.monotonic() + READY_SECONDS
        with Probe(self._port, base_url, self._port + 1) as probe:
            while not probe.content():
                self._signals.check()
                self._supervisor.tick(0.1)
                if probe.wrong_answers and not prepared:  # the stamps were mistaken
                    preparation.run(self._finish)
                    prepared = True
                    until = time.monotonic() + READY_SECONDS
                    probe.start_over()
                if probe.wrong_answers > WRONG_ANSWERS or time.monotonic() > until:
                    raise LauncherError(f"Socialdesk does not come up: {probe.reason}")

    def _greet(self, people: list[tuple[str, str, str]]) -> None:
        plain = self._console.plain
        seconds = time.time() - self._since
        plain("")
        plain(f"Socialdesk is at http://{ports.LOOPBACK}:{self._port}", strong=True)
        plain(f"The Sandbox network is at http://{ports.LOOPBACK}:{self._port + 1}")
        if people:
            plain("")
            plain("Sign in as one of the demo people:")
        width = max((len(email) for email, _, _ in people), default=0)
        for email, password, who in people:
            plain(f"  {email:<{width}}  {password}  {who}".rstrip())
        plain("")
        plain(f"Ready in {seconds:.1f} s. Ctrl-C stops everything.", strong=True)
        plain("")

    def _stop(self) -> None:
        hurry = self._signals.after_first()
        with contextlib.suppress(TerminalGone):
            self._console.say("Stopping; work under way is finished first. Ctrl-C again hurries.")
        environment.forget(self._layout)
        try:
            self._supervisor.stop(hurry=hurry)
        except TerminalGone:
            self._supervisor.stop(hurry=hurry)  # nobody reads; there is still the rest to stop
        if self._services is not None:
            self._services.stop()
        with contextlib.suppress(TerminalGone):
            self._console.say("Everything has stopped.")


def serve(layout: Layout, port: int, since: float) -> None:
    """Run Socialdesk until told to stop. Raises LauncherError."""
    with exclusive(layout):
        _Run(layout, port, since, Console()).until_stopped()

"""The world of the fault tests: real servers, real workers and clocks, five fake networks."""

from __future__ import annotations

import itertools
import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from subprocess import Popen

import psycopg
from django.db import connections
from django.db.models import F
from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount, User
from scheduling.models import Delivery, HoldKind
from scheduling.services.deliveries import delivery_release
from scheduling.services.posts import post_create, post_schedule
from scheduling.states import State
from socialdesk.launcher import processes, programs
from socialdesk.launcher.layout import PROJECT, Layout
from socialdesk.launcher.services import Services
from tests.factories import (
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    person,
)

from .networks import TIMEOUT_S, FaultyNetwork, Kind
from .verdict import Result, judge

APP = "tests.faults.app:app"
RESTART_S = 1.0
"""As long as the launcher waits before it starts again what has died."""
RESUMED_S = 15.0
"""By then, after a kill, work goes on."""


@dataclass
class Process:
    """One worker or clock, which comes back when it dies."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    plans: list[str] = field(default_factory=list)  # where to die, one for each start; shared
    popen: Popen[bytes] | None = None
    due: float | None = 0.0  # when to start it; None while it runs or must not

    def start(self) -> None:
        plan = {"FAULTS_DIE_AT": self.plans.pop(0)} if self.plans else {}
        with self.log.open("ab") as log:
            self.popen = processes.spawn(
                self.command, env={**self.env, **plan}, cwd=PROJECT, output=log
            )
        self.due = None

    def kill(self) -> None:
        if self.popen is not None and self.popen.poll() is None:
            processes.signal_process(self.popen.pid, signal.SIGKILL)
            self.popen.wait()

    def stop(self) -> None:
        """End it in an orderly way, for good."""
        if self.popen is not None and self.popen.poll() is None:
            processes.signal_process(self.popen.pid, signal.SIGTERM)
            try:
                self.popen.wait(20)
            except TimeoutError:
                self.kill()
        self.due = None
        self.popen = None

    def tend(self) -> None:
        if self.popen is not None and self.popen.poll() is not None and self.due is None:
            processes.kill_group(self.popen.pid)
            self.due = time.monotonic() + RESTART_S
        if self.due is not None and time.monotonic() >= self.due:
            self.start()


@dataclass
class Place:
    """An account on one of the networks, with the person who sends there."""

    network: FaultyNetwork
    account: SocialAccount
    sender: User
    token: str


@dataclass
class World:
    """Everything that runs, and what was done to it."""

    services: Services
    folder: Path
    seed: int
    scale: int
    networks: dict[Kind, FaultyNetwork]
    manager: User
    kills: list[tuple[float, str]] = field(default_factory=list)
    processes: dict[str, Process] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # --- what runs ----------------------------------------------------------------------------

    @property
    def diary(self) -> Path:
        return self.folder / "diary"

    @property
    def clock(self) -> Path:
        """How wrong the workers' clocks are, in seconds."""
        return self.folder / "clock"

    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "socialdesk.settings",
            "PYTHONUNBUFFERED": "1",
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
            "SOCIALDESK_DEBUG": "no",
            "SOCIALDESK_REQUIRE_MFA": "no",
            "SOCIALDESK_LOG_LEVEL": "WARNING",
            "SOCIALDESK_REQUEST_TIMEOUT_S": str(TIMEOUT_S),
            "SOCIALDESK_ALLOW_PRIVATE_HOSTS": ",".join(
                network.private_host for network in self.networks.values()
            ),
            "FAULTS_DIARY": str(self.diary),
            "FAULTS_CLOCK": str(self.clock),
        }

    def run(
        self,
        *,
        clocks: int = 1,
        plans: list[str] | None = None,
        look_plans: list[str] | None = None,
        beat_plans: list[str] | None = None,
    ) -> None:
        """The workers and so many clocks, started as `make run` starts them, with our app.

        `plans`: points at which a worker shall die; each start of one that comes there takes the
        next.
        """
        commands, planned = programs.workers(), {}
        for name in commands:
            planned[name] = look_plans if name == "worker" else plans
        for number in range(1, clocks + 1):
            layout = Layout(self.folder / f"clock{number}")
            layout.make()
            commands[f"beat{number}"] = programs.beat(layout)
            planned[f"beat{number}"] = beat_plans
        for name in set(self.processes):
            if name not in commands or planned[name]:  # a plan begins with a start
                self.processes.pop(name).stop()
        for name, command in commands.items():
            if name not in self.processes:
                ours = [APP if word == "socialdesk.celery:app" else word for word in command]
                log = self.folder / f"{name}.log"
                self.processes[name] = Process(name, ours, self.environment(), log)
            self.processes[name].plans = planned[name] or []
        self.tend()

    def stop(self) -> None:
        for process in self.processes.values():
            process.stop()
        self.processes.clear()

    def tend(self) -> None:
        """Start again what has died; note the deaths that processes chose themselves."""
        for process in self.processes.values():
            process.tend()
        if self.diary.exists():
            lines = self.diary.read_text().splitlines()
            known = {what for _, what in self.kills}
            for number, line in enumerate(lines):
                at, _, point = line.partition(" ")
                if (what := f"{point} #{number}") not in known:
                    self.kills.append((float(at), what))

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Tend the world until `done`; fails after so many seconds, in the long form more."""
        until = time.monotonic() + seconds * self.scale
        while not done():
            self.tend()
            assert time.monotonic() < until, f"{what} within {seconds} s\n{self.last_words()}"
            time.sleep(0.1)

    def pass_time(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(0.05)

    def last_words(self) -> str:
        """The end of each log, and where each process stands."""
        for process in self.processes.values():
            if process.popen is not None and process.popen.poll() is None:
                processes.signal_process(process.popen.pid, signal.SIGUSR1)
        time.sleep(0.5)
        return "\n".join(
            f"--- {path.name}\n{processes.tail(path, 400)}" for path in self.folder.glob("*.log")
        )

    # --- what is done to it -------------------------------------------------------------------

    def kill(self, *names: str) -> None:
        """SIGKILL, as a machine that is switched off or out of memory would."""
        at = time.time()
        for name in names:
            self.processes[name].kill()
        self.kills.append((at, f"{' and '.join(names)} #{len(self.kills)}"))

    def lose_broker(self) -> None:
        """Kill the broker; it comes back knowing nothing."""
        broker = self.services.valkey
        assert broker is not None
        assert broker.process is not None
        processes.signal_process(broker.process.pid, signal.SIGKILL)
        broker.process.wait()
        self.kills.append((time.time(), f"broker #{len(self.kills)}"))
        self.pass_time(RESTART_S)
        broker.start()

    def crash_database(self) -> None:
        """Stop PostgreSQL as `pg_ctl stop -m immediate` does, and start it again."""
        server = self.services.postgres
        assert server is not None
        assert server.process is not None
        processes.signal_process(server.process.pid, signal.SIGQUIT)
        server.process.wait()
        self.kills.append((time.time(), f"database #{len(self.kills)}"))
        self.pass_time(RESTART_S)
        server.start()
        self.forget_connections()

    def cut_connections(self) -> int:
        """pg_terminate_backend for everybody but us; how many were cut."""
        with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as ours:
            cut = ours.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        self.kills.append((time.time(), f"connections #{len(self.kills)}"))
        self.forget_connections()
        return int(cut[0]) if cut else 0

    @staticmethod
    def forget_connections() -> None:
        """Those of the test itself."""
        for one in connections.all(initialized_only=True):
            one.close()
            if hasattr(one, "close_pool"):
                one.close_pool()

    # --- what is there to send ----------------------------------------------------------------

    def place(self, kind: Kind) -> Place:
        """A new account on the network of this kind."""
        network = self.networks[kind]
        name = f"official{next(self._numbers)}"
        account = SocialAccountFactory(
            platform=f"fault-{kind}",
            base_url=network.url,
            remote_id=name,
            handle=name,
            display_name=name,
            owner=self.manager,
        )
        token = network.open(name)
        CredentialFactory(account=account, secret=token)
        sender = UserFactory()
        give(sender, Level.PUBLISHER, account)
        give(self.manager, Level.MANAGER, account)
        return Place(network, account, sender, token)

    def places(self, number: int) -> list[Place]:
        """So many new accounts, on each kind of network in turn."""
        return [self.place(kind) for kind in itertools.islice(itertools.cycle(Kind), number)]

    def schedule(self, place: Place, text: str, *, in_s: float = 0.0) -> Delivery:
        due = timezone.now() + timedelta(seconds=in_s)
        actor = person(place.sender)
        post = post_create(actor=actor, text=text, accounts=[place.account], due_at=due)
        (delivery,) = post_schedule(actor=actor, post=post)
        return delivery

    def spread(
        self, scenario: str, places: Sequence[Place], *, every_s: float = 0.0, in_s: float = 0.0
    ) -> list[Delivery]:
        """A post on each of the places, one due `every_s`; the first in a moment, or `in_s` later.

        An account sends one post at a time, so that each has an account of its own here.
        """
        ready = time.monotonic() + in_s + 0.1 * len(places)  # writing them takes its time
        return [
            self.schedule(
                place,
                f"{scenario} {n:05} {random.Random(f'{self.seed}/{n}').getrandbits(40):x}",
                in_s=max(0.0, ready - time.monotonic()) + n * every_s,
            )
            for n, place in enumerate(places)
        ]

    def fault(self, chance: float, *, only: tuple = ()) -> None:
        """From now on requests go wrong with this chance."""
        for network in self.networks.values():
            network.chance = chance
            if only:
                network.choice = only

    def shift(self, deliveries: Sequence[Delivery], **by: float) -> None:
        """Put their times off, or back: as if everybody's clock had been moved the other way."""
        rows = Delivery.objects.filter(pk__in=[d.pk for d in deliveries])
        rows.update(
            due_at=F("due_at") + timedelta(**by), next_try_at=F("next_try_at") + timedelta(**by)
        )

    def release(self, deliveries: Sequence[Delivery], kind: HoldKind) -> list[Delivery]:
        """What a person does about what is held for this reason: lets it go now."""
        held = [row for row in self.held(deliveries) if row.hold_kind == kind]
        for row in held:
            delivery_release(actor=person(self.manager), delivery=row, due_at=timezone.now())
        return held

    # --- how it ends --------------------------------------------------------------------------

    def settle(self, deliveries: Sequence[Delivery], seconds: float = 240.0) -> None:
        """Wait until each is over, or stands for a person; an open breaker may take its time."""
        until = time.monotonic() + seconds * self.scale
        while rows := self.open_ends(deliveries):
            self.tend()
            left = "\n".join(f"{row.text}: {row.state} {row.checks} {row.problem}" for row in rows)
            assert time.monotonic() < until, f"not settled:\n{left}\n{self.last_words()}"
            time.sleep(0.3)

    def open_ends(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """What still moves by itself."""
        rows = Delivery.objects.filter(pk__in=[d.pk for d in deliveries]).select_related(
            "account", "post"
        )
        return [
            row
            for row in rows.exclude(
                state__in=(State.PUBLISHED, State.FAILED, State.HELD, State.CANCELLED, State.DRAFT)
            )
            if not self.stands(row)
        ]

    def stands(self, row: Delivery) -> bool:
        """In doubt where the network cannot tell: looked for, not to be found, a person's."""
        network = self.networks[Kind(row.account.platform.removeprefix("fault-"))]
        return (
            row.state == State.UNKNOWN
            and network.kind is Kind.BARE
            and row.checks > 0
            and (
                row.account.remote_id in network.unreadable
                or row.text not in {post.text for post in network.accepted}
            )
        )

    def held(self, deliveries: Sequence[Delivery]) -> list[Delivery]:
        """Those that are held now."""
        return list(
            Delivery.objects.filter(
                pk__in=[d.pk for d in deliveries], state=State.HELD
            ).select_related("account", "post")
        )

    def taken(self, deliveries: Sequence[Delivery]) -> list[str]:
        """The texts of these that the networks' ledgers hold."""
        texts = {delivery.text for delivery in deliveries}
        return [
            post.text
            for network in self.networks.values()
            for post in network.accepted
            if post.text in texts
        ]

    def verdict(self, scenario: str, deliveries: Sequence[Delivery], since: float) -> Result:
        result = judge(self, scenario, deliveries, since)
        self.results.append(result)
        return result

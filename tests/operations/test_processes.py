"""Real beats and real workers, as a server runs them: twice where a server has two, and stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from django.conf import settings as conf
from django.db import connection
from django.utils import timezone

from accounts.alerts import AlertKind
from accounts.levels import Level
from audit.models import Event
from operations.models import Alert, Channel, Destination, Message
from scheduling.models import Attempt, Delivery, Outcome
from tests.factories import DeliveryFactory, PostFactory, UserFactory, give
from tests.platforms.server import FakeServer, Reply

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
CELERY = (sys.executable, "-m", "celery", "-A", "socialdesk.celery:app", "--quiet")
PATIENCE_S = 120.0  # a machine that has much else to do


def until(condition: Callable[[], bool], what: str, seconds: float = PATIENCE_S) -> float:
    """Wait for it; how long it took, in seconds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, f"not in time: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


class Processes:
    """Socialdesk's own processes on this test's database and on a broker of their own."""

    def __init__(self, folder: Path, private_hosts: str) -> None:
        self.folder, self.running = folder, []
        parts = urlsplit(conf.REDIS_URL)
        self.broker = urlunsplit(parts._replace(path="/10"))  # /9 is the acceptance tests'
        redis.Redis.from_url(self.broker).flushdb()
        self.env = os.environ | {
            "DATABASE_URL": _test_database(),
            "REDIS_URL": self.broker,
            "SOCIALDESK_ALLOW_PRIVATE_HOSTS": private_hosts,
            "SOCIALDESK_REQUIRE_MFA": "no",
            "SOCIALDESK_DATABASE_POOL": "6",
        }

    def beat(self, name: str) -> subprocess.Popen[bytes]:
        schedule = f"--schedule={self.folder / name}"
        return self._start(name, "beat", "--loglevel=WARNING", schedule, "--pidfile=")

    def worker(self, name: str, queues: str = "celery,publish,alerts") -> subprocess.Popen[bytes]:
        return self._start(
            *(name, "worker", "--pool=threads", "--concurrency=4", "--loglevel=INFO"),
            *(f"--hostname={name}@%h", f"--queues={queues}"),
            *("--without-gossip", "--without-mingle"),
        )

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop_all(self) -> None:
        for process in self.running:
            process.kill()
            process.wait()

    def _start(self, name: str, *words: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [*CELERY, *words], cwd=ROOT, env=self.env, stdout=log, stderr=subprocess.STDOUT
            )
        self.running.append(process)
        return process


def _test_database() -> str:
    """The address of the database that this test sees, for others."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


class Hook(FakeServer):
    def route(self, asked):
        return Reply(200, {})


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    yield server
    server.close()


@pytest.fixture
def processes(sandbox, hook, tmp_path) -> Iterator[Processes]:
    hosts = ",".join([*conf.ALLOW_PRIVATE_HOSTS, hook.private_host])
    made = Processes(tmp_path, hosts)
    yield made
    made.stop_all()


def scheduled(account, **fields):
    author = account.owner
    give(author, Level.PUBLISHER, account)
    post = PostFactory(author=author, text=f"The bridge at {account.handle} is open again.")
    return DeliveryFactory(post=post, account=account, sender=author, state="scheduled", **fields)


def test_two_beats_and_two_workers_do_everything_once(
    processes, sandbox, new_sandbox_account, hook
):
    due = timezone.now() + timedelta(seconds=8)
    good = [scheduled(new_sandbox_account(), due_at=due) for _ in range(12)]
    lost = new_sandbox_account()
    lost.credential.delete()  # what goes out from here is held, and people are told
    held = scheduled(lost, due_at=due)
    place = Destination(name="Duty", channel=Channel.JSON, shown="…", kinds=["held", "clock"])
    place.address = hook.url + "/hook"
    place.save()
    give(UserFactory(), Level.MANAGER, lost)

    for n in (1, 2):
        processes.worker(f"worker-{n}")
        processes.beat(f"beat-{n}")
    ids = [delivery.pk for delivery in good]
    published = Delivery.objects.filter(pk__in=ids, state="published")
    until(lambda: published.count() == len(good), "all are published")
    until(lambda: bool(hook.ledger), "the webhook was told")
    until(lambda: Message.objects.exclude(state="sent").count() == 0, "everybody was told")
    # Both clocks go on: what is done stays done.
    seen = Event.objects.filter(name="delivery.tried").count()
    time.sleep(2.5)

    for delivery in good:
        arrived = sandbox.arrivals(key=delivery.key.hex)
        assert len(arrived) == 1, arrived
    assert Event.objects.filter(name="delivery.tried").count() == seen == len(good) + 1
    assert Attempt.objects.filter(delivery__in=ids).count() == len(good)
    assert Alert.objects.filter(delivery=held, kind=AlertKind.HELD).count() == 1
    told = [alert["about"] for asked in hook.ledger for alert in asked.json()["alerts"]]
    assert len(told) == len(set(told)) == 1
    targets = list(Message.objects.values_list("target", flat=True))
    assert len(targets) == len(set(targets)) == 3  # the webhook, the author, the manager
    assert Event.objects.filter(name="alert.sent").count() == 3


def test_a_worker_that_is_stopped_finishes_what_it_began_and_leaves_the_rest(
    processes, sandbox, new_sandbox_account
):
    slow, next_one = new_sandbox_account(), new_sandbox_account()
    sandbox.fault("slow", seconds=4, handle=slow.handle.lstrip("@"))
    first = scheduled(slow, due_at=timezone.now())
    stopped = processes.worker("worker-1")
    processes.beat("beat-1")
    until(lambda: Attempt.objects.filter(delivery=first).exists(), "the slow one was begun")

    stopped.send_signal(signal.SIGTERM)
    until(lambda: "shutdown" in processes.said("worker-1").lower(), "it has heard")
    second = scheduled(next_one, due_at=timezone.now())
    assert stopped.wait(timeout=PATIENCE_S) == 0
    assert not Attempt.objects.filter(delivery=second).exists()
    processes.worker("worker-2")

    first.refresh_from_db()
    assert first.state == "published"
    assert Attempt.objects.get(delivery=first).outcome == Outcome.PUBLISHED
    assert len(sandbox.arrivals(key=first.key.hex)) == 1
    until(lambda: Delivery.objects.get(pk=second.pk).state == "published", "the other took it")
    assert Attempt.objects.filter(delivery=second).count() == 1

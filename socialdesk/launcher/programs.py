"""The command lines of Socialdesk's own processes on one machine."""

from __future__ import annotations

import sys
from pathlib import Path

from socialdesk.launcher.layout import Layout
from socialdesk.launcher.ports import LOOPBACK

CELERY = (sys.executable, "-m", "celery", "-A", "socialdesk.celery:app", "--quiet")
POLLING_THREADS = 8
"""Of the process that polls and does all that is not publishing."""


def sandbox(layout: Layout, port: int, *, demo: bool) -> list[str]:
    """The practice network, with `demo` life on it; `port` is the page's, it takes the next."""
    where = [f"--port={port + 1}", f"--host={LOOPBACK}", f"--data={layout.sandbox}"]
    return [sys.executable, "-m", "platforms.sandbox", *where, *(["--seed"] if demo else [])]


def web(port: int) -> list[str]:
    """The pages. Two processes, so that one that dies is not missed; loaded once for both."""
    return [
        *(sys.executable, "-m", "gunicorn", "socialdesk.wsgi:application"),
        *(f"--bind={LOOPBACK}:{port}", "--worker-class=gthread", "--workers=2", "--threads=8"),
        *("--graceful-timeout=10", "--log-level=warning", "--no-control-socket", "--preload"),
    ]


def workers() -> dict[str, list[str]]:
    """By name. Publishing has processes of its own, which nothing else keeps busy."""
    # One tick at a time: the next one wakes another publisher. It sends from threads of its own.
    publishers = {f"publish-{n}": _worker(f"publish-{n}", "publish", 1) for n in (1, 2)}
    return {**publishers, "worker": _worker("worker", "celery,alerts", POLLING_THREADS)}


def _worker(name: str, queue: str, concurrency: int) -> list[str]:
    options = ["--pool=threads", f"--concurrency={concurrency}", "--loglevel=INFO"]
    whose = [f"--hostname={name}@%h", f"--queues={queue}", "--without-gossip", "--without-mingle"]
    return [*CELERY, "worker", *options, *whose]


def sealer() -> list[str]:
    """Seals the record; needs neither broker nor workers."""
    return [sys.executable, "-m", "django", "audit_seal", "--keep-on"]


def beat(layout: Layout) -> list[str]:
    """The clock: says every second that there may be work."""
    return [
        *CELERY,
        "beat",
        "--loglevel=WARNING",
        f"--schedule={layout.run / 'beat'}",
        "--pidfile=",
    ]


def prepare(demo: Path, *, ours: bool) -> list[str]:
    """Migrations and demo data; `ours`: nobody but the launcher made this database."""
    command = [sys.executable, "-m", "socialdesk.launcher.prepare", str(demo)]
    return [*command, "--ours"] if ours else command


def collect_static() -> list[str]:
    """Style sheets, scripts and fonts, named by content and compressed."""
    django = (sys.executable, "-m", "django", "collectstatic")
    return [*django, "--noinput", "--verbosity=0", "--clear"]

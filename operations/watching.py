"""Each worker's thread that gives a sign of life and looks whether the clock and the tick go on.

Beat cannot say that beat is dead, so the workers look, each for itself; one alert comes of it.
"""

from __future__ import annotations

import threading
import time

import structlog
from celery import current_app
from django.conf import settings
from django.db import Error, connection
from kombu.exceptions import OperationalError

from accounts.alerts import AlertKind
from audit.actors import Actor
from audit.selectors.seal import troubles
from operations import hearts
from operations.models import Alert
from operations.selectors.publishing import stuck
from operations.services.watch import watch_raise, watch_settle

log = structlog.get_logger(__name__)
WATCHMAN = Actor.worker("watchman")
LOOK_EVERY_S = 10.0


class Watchman(threading.Thread):
    """Runs as long as its worker."""

    def __init__(self) -> None:
        super().__init__(name="watchman", daemon=True)
        self._worker = ""
        self._ended = threading.Event()
        self._since = time.monotonic()

    def watch_from(self, name: str) -> None:
        """Begin; `name` tells the worker from the others, as 'publish-1@host' does."""
        self._worker = name
        self.start()

    def run(self) -> None:
        looked_at = time.monotonic()
        while True:
            hearts.beat("worker", self._worker)
            if time.monotonic() - looked_at >= LOOK_EVERY_S:
                looked_at = time.monotonic()
                self._look()
            if self._ended.wait(hearts.EVERY_S):
                return

    def end(self) -> None:
        """The worker goes in good order."""
        self._ended.set()
        hearts.stop("worker", self._worker)

    def _look(self) -> None:
        try:
            if look(up_for_s=time.monotonic() - self._since):
                # The clock announces nothing now, so somebody else has to.
                current_app.send_task("operations.send_alerts", expires=LOOK_EVERY_S)
        except (Error, OperationalError) as error:  # /readyz and the page say so
            log.warning("watch_missed", kind=type(error).__name__)
        except Exception:  # it must go on looking
            log.exception("watch_broke")
        finally:
            connection.close()  # back to the pool


def look(*, up_for_s: float) -> bool:
    """Raise or settle what concerns the whole; `up_for_s`: how long the caller has been watching.

    Returns whether the clock stands still: then nobody announces that there are alerts to send.
    """
    signs = hearts.signs()
    if not signs.answers:
        return False
    silent_s = up_for_s if signs.tick_age_s is None else min(signs.tick_age_s, up_for_s)
    still = silent_s > settings.ALERT_BACKLOG_S
    _tell(
        still,
        AlertKind.CLOCK,
        "clock",
        f"No tick has reached a worker for {silent_s:.0f} seconds. Nothing is published or read "
        "until a beat runs again.",
    )
    waiting = stuck(settings.ALERT_BACKLOG_S)
    _tell(
        waiting.count > 0,
        AlertKind.BACKLOG,
        "publishing",
        f"{waiting.words} due for more than {settings.ALERT_BACKLOG_S} seconds, and no worker has "
        "taken them up.",
    )
    for subject, trouble in troubles().items():
        _tell(bool(trouble), AlertKind.RECORD, subject, trouble)
    return still


def _tell(is_so: bool, kind: AlertKind, subject: str, message: str) -> None:
    is_open = Alert.objects.filter(kind=kind, subject_id=subject, settled_at=None).exists()
    if is_so and not is_open:
        watch_raise(actor=WATCHMAN, kind=kind, subject=subject, message=message)
    elif is_open and not is_so:
        watch_settle(actor=WATCHMAN, kind=kind, subject=subject)


watchman = Watchman()

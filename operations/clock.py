"""Beat's own loop with a sign of life in it: a beat that hangs gives none."""

from __future__ import annotations

import time
from typing import Any

from celery.beat import PersistentScheduler

from operations import hearts


class Clock(PersistentScheduler):
    """Celery's scheduler; `tick` is called at least every `max_interval` seconds."""

    _said_at = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.max_interval = min(self.max_interval or hearts.EVERY_S, hearts.EVERY_S)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() - self._said_at >= hearts.EVERY_S:
            self._said_at = time.monotonic()
            hearts.beat("beat")
        return super().tick(*args, **kwargs)

    def close(self) -> None:
        hearts.stop("beat")
        super().close()

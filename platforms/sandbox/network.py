"""What one running Sandbox shares between its requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Event, Lock

from flask import current_app

from platforms.sandbox.store import Store

EXTENSION = "sandbox"
THREADS = 64
WAITING_MAX = 48  # so that hanging on purpose never leaves no thread to turn it off with


class Network:
    """The store, the address people use, and which keyed posts are being worked on just now."""

    def __init__(self, store: Store, *, public_url: str = "") -> None:
        self.store = store
        self.public_url = public_url.rstrip("/")
        self.stopping = Event()
        self._waiting = BoundedSemaphore(WAITING_MAX)
        self._lock = Lock()
        self._in_flight: dict[tuple[int, str], int] = {}

    def wait(self, seconds: float) -> None:
        """Hold a request up; not at all once the server stops or too many are held already."""
        if self._waiting.acquire(blocking=False):
            try:
                self.stopping.wait(seconds)
            finally:
                self._waiting.release()

    @contextmanager
    def working_on(self, account_id: int, key: str) -> Iterator[None]:
        """While inside, a look-up by this key must not say that there is no such post."""
        entry = (account_id, key)
        with self._lock:
            self._in_flight[entry] = self._in_flight.get(entry, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                self._in_flight[entry] -= 1
                if not self._in_flight[entry]:
                    del self._in_flight[entry]

    def is_working_on(self, account_id: int, key: str) -> bool:
        with self._lock:
            return (account_id, key) in self._in_flight


def network() -> Network:
    """The network of the current application."""
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Network)
    return found

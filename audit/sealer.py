"""The sealer as a process: seals what waits, shows checkpoints to the witnesses, checks the
record, and forwards it.

It needs neither broker nor workers: what is recorded while these are down or overloaded is sealed
all the same. Several may run; one seals at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from threading import Event as Flag
from threading import Thread

import structlog
from django.conf import settings
from django.db import Error, connection

from audit import forwarding
from audit.actors import Actor
from audit.sealing import seal
from audit.selfcheck import check_next
from audit.witnesses import SENDERS, Send, show_all

log = structlog.get_logger(__name__)

PAUSE_S = 0.5
TROUBLE_PAUSE_S = 2.0
CHECK_PAUSE_S = 60.0


def keep_sealing(
    stop: Flag,
    senders: Mapping[str, Send] = SENDERS,
    ways: Mapping[str, forwarding.Send] = forwarding.SENDERS,
) -> None:
    """Seal, show, check and forward until `stop` is set. A database that is away is waited for."""
    # Witnesses answer when they like, and sealing does not wait for them.
    others = [
        Thread(target=_keep, args=(stop, lambda: _show(senders))),
        Thread(target=_keep, args=(stop, _check)),
        # A thread each, so that one which hangs keeps nothing from the others.
        *(
            Thread(target=_keep, args=(stop, partial(_forward, place, ways)))
            for place in settings.FORWARD_TO
        ),
    ]
    for thread in others:
        thread.start()
    _keep(stop, _seal)
    for thread in others:
        thread.join()


def _keep(stop: Flag, turn: Callable[[], float]) -> None:
    """Take turns until `stop` is set; each says how long to wait for the next."""
    pause = 0.0
    try:
        while not stop.wait(pause):
            try:
                pause = turn()
            except Error:
                log.exception("record_not_kept")
                connection.close()
                pause = TROUBLE_PAUSE_S
    finally:
        connection.close()


def _seal() -> float:
    done = seal() if something_waits() else None
    return 0.0 if done and done.more else PAUSE_S


def _show(senders: Mapping[str, Send]) -> float:
    show_all(senders)
    return 2 * PAUSE_S


def _forward(place: str, ways: Mapping[str, forwarding.Send]) -> float:
    return 0.0 if forwarding.forward(place, ways) else 2 * PAUSE_S


def _check() -> float:
    check_next(Actor.worker("record-check"))
    return CHECK_PAUSE_S


def something_waits() -> bool:
    """Whether an event waits for its place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit_unsealed)")
        return bool(cursor.fetchone()[0])

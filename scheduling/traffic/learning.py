"""What an answer of a platform teaches us about how much more we may ask of it."""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from django.db import DatabaseError
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils import timezone
from redis import RedisError

from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.models import SocialAccount
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from platforms.contract import Counted, PlatformError, RetryLater
from scheduling import events  # noqa: F401  # declares them
from scheduling.models import Delivery
from scheduling.states import State
from scheduling.traffic.admission import down_words, pause_key
from scheduling.traffic.breaker import give_up_probe, note_failure, note_read, note_success
from scheduling.traffic.budgets import note_allowance
from scheduling.traffic.servers import Server, server_of
from scheduling.traffic.store import redis

log = structlog.get_logger(__name__)
WATCHER = Actor.worker("platform watcher")
LONGEST_PAUSE = timedelta(hours=1)
"""However long a platform asks an account to stay away: after this it is asked again."""
SEEN_AGAIN_S = 1.0
"""A success is noted once in so long for each server, unless something failed since: that it works
is no news."""
_seen: dict[tuple[Server, bool], float] = {}


def learn(
    account: SocialAccount,
    *,
    adapter: object,
    error: PlatformError | None,
    reading: bool = False,
) -> None:
    """Take note of how an exchange of this adapter's ended.

    Never raises, whatever Redis and the database do: how a post ended must not depend on it.
    """
    server = server_of(account)
    allowance = adapter.allowance() if isinstance(adapter, Counted) else None
    try:
        if allowance is not None:
            note_allowance(server, account.pk, allowance)
        if isinstance(error, RetryLater) and error.too_much and error.delay_s:
            _pause(account, error.delay_s)
        if error is None:
            if _is_news(server, reading):
                _worked(server, reading)
        elif not error.down:
            give_up_probe(server)  # it proved nothing, so the next may try
        else:
            _seen.pop((server, False), None)  # that something gets through is news again
            if note_failure(server, account.pk, error.message):
                _opened(actor=WATCHER, server=server, why=error.message)
    except (RedisError, DatabaseError) as failure:
        log.warning("traffic_not_noted", kind=type(failure).__name__)


def _pause(account: SocialAccount, delay_s: float) -> None:
    seconds = min(delay_s, LONGEST_PAUSE.total_seconds())
    redis().set(pause_key(account.pk), time.time() + seconds, ex=max(1, round(seconds)))


def _is_news(server: Server, reading: bool) -> bool:
    now = time.monotonic()
    if now - _seen.get((server, reading), -SEEN_AGAIN_S) < SEEN_AGAIN_S:
        return False
    _seen[server, reading] = now
    return True


def _worked(server: Server, reading: bool) -> None:
    if not reading and note_success(server):
        _closed(actor=WATCHER, server=server)
    elif reading and note_read(server):
        bring_forward(server)


def bring_forward(server: Server) -> int:
    """What waits for this server may be claimed now; how many that are."""
    # When something is tried again is no change to what it is; like the tick's own plans.
    return Delivery.objects.filter(
        state=State.SCHEDULED,
        notice=down_words(server),
        account__platform=server.platform,
        account__base_url=server.base_url,
    ).update(next_try_at=Greatest(Value(timezone.now()), F("due_at")))


@action("platform.paused", needs=by(ActorKind.WORKER))
def _opened(*, actor: Actor, server: Server, why: str) -> None:
    record("platform.paused", data={"server": str(server), "because": why})
    raise_alert(
        kind=AlertKind.PLATFORM,
        subject=str(server),
        message=f"{server} does not work, and posts for it wait. The last answer: {why}",
    )


@action("platform.resumed", needs=by(ActorKind.WORKER))
def _closed(*, actor: Actor, server: Server) -> None:
    waited = bring_forward(server)
    record("platform.resumed", data={"server": str(server), "posts": waited})
    settle_alert(kind=AlertKind.PLATFORM, subject=str(server))

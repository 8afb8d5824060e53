"""The poller: which accounts are due, and reading one of them.

The network is asked outside any transaction; what it said and how far we have read are committed
together (mentions.services.ingest). The rest of a feed's row is the poller's own book-keeping.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.connections import open_account
from accounts.health import health_note
from accounts.models import SocialAccount
from audit.actors import Actor
from mentions import pace
from mentions.errors import NothingNew
from mentions.incoming import clean_batch
from mentions.models import Feed
from mentions.services.ingest import mentions_ingest
from platforms.contract import AuthorisationLost, Deed, PlatformError
from scheduling.models import Delivery
from scheduling.states import State
from scheduling.traffic.admission import Wish, admit, spend
from scheduling.traffic.learning import learn

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
"""How long a poller has an account to itself; renewed between pages. Short, since a second poller
does no harm and the accounts of a killed worker wait this long."""
CLAIM_MAX = 200
PAGES_MAX = 20
"""Pages of one poll; what is left comes with the next, which is due at once."""
_PAGE = {Deed.READ: 1, Deed.ITEM: 1}
AWAKE = timedelta(minutes=3)
_FAULT = "Reading stopped because of a fault in Socialdesk. It is tried again by itself."


@dataclass(frozen=True, slots=True)
class Polled:
    """What one poll did: how many mentions were new, and what went wrong, for people."""

    new: int = 0
    pages: int = 0
    problem: str = ""


def claim_due(now: datetime | None = None, limit: int = CLAIM_MAX) -> list[int]:
    """Take the accounts that are due, for LEASE; safe to run anywhere at once. Their ids.

    What its platform has no patience for is put off: publishing goes first.
    """
    now = now or timezone.now()
    with transaction.atomic():
        _make_missing(now)
        feeds = (
            _due(now)
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("account")
            .order_by("next_poll_at")[:limit]
        )
        rows = _admitted(list(feeds))
        Feed.objects.filter(pk__in=[feed.pk for feed in rows]).update(lease_until=now + LEASE)
    return [feed.account_id for feed in rows]


def _admitted(feeds: Sequence[Feed]) -> list[Feed]:
    waits = admit([Wish(feed.account, _PAGE) for feed in feeds])
    for feed, wait in zip(feeds, waits, strict=True):
        if wait is not None:
            Feed.objects.filter(pk=feed.pk).update(next_poll_at=wait.until)
    return [feed for feed, wait in zip(feeds, waits, strict=True) if wait is None]


def claim_account(account: SocialAccount, now: datetime | None = None) -> bool:
    """Take one account, due or not; False when another poller has it or it is disconnected."""
    now = now or timezone.now()
    Feed.objects.bulk_create([Feed(account=account)], ignore_conflicts=True)
    if not account.is_connected:
        return False
    return bool(_free(now).filter(account=account).update(lease_until=now + LEASE))


def poll(account_id: int, *, actor: Actor) -> Polled | None:
    """Read a claimed account. None: it is not claimed any more, or disconnected."""
    feed = (
        Feed.objects.select_related("account")
        .filter(account_id=account_id, lease_until__gt=timezone.now())
        .filter(account__disconnected_at=None)
        .first()
    )
    if feed is None:
        return None
    try:
        polled, more = _read(feed, actor)
    except PlatformError as error:
        return _failed(feed, actor, error)
    except Exception:
        log.exception("poll_broke", account=account_id)
        return _failed(feed, actor, None)
    health_note(actor=actor, account=feed.account, error=None)
    _worked(feed, polled, more)
    return polled


def stay_awake(account_ids: Iterable[int]) -> None:
    """Somebody is looking at these accounts' mentions: read them often for a while."""
    now = timezone.now()
    soon = now + timedelta(seconds=pace.ACTIVE_MAX_S)
    rows = Feed.objects.filter(account__in=list(account_ids))
    rows.update(awake_until=now + AWAKE)
    # What failed has its own pause, and looking at it does not make that shorter.
    rows.filter(failures=0, next_poll_at__gt=soon).update(next_poll_at=soon)


def _make_missing(now: datetime) -> None:
    without = SocialAccount.objects.filter(feed=None, disconnected_at=None)
    ids = list(without.values_list("pk", flat=True)[:CLAIM_MAX])
    if ids:
        Feed.objects.bulk_create(
            [Feed(account_id=pk, next_poll_at=now) for pk in ids], ignore_conflicts=True
        )


def _free(now: datetime) -> QuerySet[Feed]:
    return Feed.objects.filter(Q(lease_until=None) | Q(lease_until__lte=now))


def _due(now: datetime) -> QuerySet[Feed]:
    # A reconnected account is read at once, however long the pause after its credentials failed.
    mended = Q(is_lost=True, account__credential__updated_at__gt=F("last_polled_at"))
    connected = _free(now).filter(account__disconnected_at=None)
    return connected.filter(Q(next_poll_at__lte=now) | mended)


def _read(feed: Feed, actor: Actor) -> tuple[Polled, bool]:
    account, new, renewed = feed.account, 0, timezone.now()
    adapter = open_account(account)
    for page in range(1, PAGES_MAX + 1):
        if page > 1:
            spend(Wish(account, _PAGE))
        try:
            batch = adapter.fetch_mentions(feed.cursor)
        except PlatformError as error:
            learn(account, adapter=adapter, error=error, reading=True)
            raise
        learn(account, adapter=adapter, error=None, reading=True)
        # One was taken for it before anybody knew how many there would be.
        spend(Wish(account, {Deed.ITEM: len(batch.items) - 1}))
        new += _keep(feed, actor, batch.items, batch.cursor)
        stuck = batch.cursor == feed.cursor
        feed.cursor = batch.cursor
        if not batch.more or stuck:
            return Polled(new, page), False
        if timezone.now() - renewed > LEASE / 5:
            renewed = _renew(feed)
    return Polled(new, PAGES_MAX), True


def _keep(feed: Feed, actor: Actor, items: Iterable[object], cursor: str) -> int:
    """Commit one page together with its cursor; how many of it were new."""
    now = timezone.now()
    found = clean_batch(items, own_id=feed.account.remote_id, now=now)  # type: ignore[arg-type]  # Batch[Incoming]
    try:
        if found:
            return mentions_ingest(
                actor=actor,
                account=feed.account,
                items=found,
                cursor_before=feed.cursor,
                cursor=cursor,
                now=now,
            )
    except NothingNew:
        pass
    if cursor != feed.cursor:
        Feed.objects.filter(pk=feed.pk, cursor=feed.cursor).update(cursor=cursor)
    return 0


def _renew(feed: Feed) -> datetime:
    now = timezone.now()
    Feed.objects.filter(pk=feed.pk).update(lease_until=now + LEASE)
    return now


def _worked(feed: Feed, polled: Polled, more: bool) -> None:
    now = timezone.now()
    if polled.new:
        feed.last_new_at = now
    step = pace.after_success(
        interval_s=feed.interval_s, brought=bool(polled.new), active=_is_active(feed, now)
    )
    wait = 0.0 if more else step.wait_s
    Feed.objects.filter(pk=feed.pk).update(
        interval_s=step.interval_s,
        next_poll_at=now + timedelta(seconds=wait),
        lease_until=None,
        last_polled_at=now,
        failures=0,
        is_lost=False,
        problem="",
    )


def _failed(feed: Feed, actor: Actor, error: PlatformError | None) -> Polled:
    now = timezone.now()
    failures = feed.failures + 1
    step = pace.after_failure(error=error, failures=failures)
    problem = (error.message if error else _FAULT)[:500]
    log.warning(
        "poll_failed",
        account=feed.account_id,
        kind=type(error).__name__,
        code=error.code if error else "",
        failures=failures,
        wait_s=round(step.wait_s),
    )
    Feed.objects.filter(pk=feed.pk).update(
        interval_s=step.interval_s,
        next_poll_at=now + timedelta(seconds=step.wait_s),
        lease_until=None,
        last_polled_at=now,
        failures=failures,
        is_lost=isinstance(error, AuthorisationLost),
        problem=problem,
    )
    # One failure may be a hiccup; lost credentials never are.
    if error is not None and (failures > 1 or isinstance(error, AuthorisationLost)):
        health_note(actor=actor, account=feed.account, error=error)
    return Polled(problem=problem)


def _is_active(feed: Feed, now: datetime) -> bool:
    """Whether somebody may be waiting: something came in or went out lately, or is looked at."""
    since = now - pace.ACTIVE_FOR
    if max(feed.last_new_at or since, feed.account.connected_at) > since:
        return True
    awake = Feed.objects.filter(pk=feed.pk, awake_until__gt=now)
    sent = Delivery.objects.filter(
        account=feed.account_id, state=State.PUBLISHED, due_at__gt=since, published_at__gt=since
    )
    return awake.exists() or sent.exists()

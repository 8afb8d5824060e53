"""The worker's side of moderation: whom to ask now, and asking them.

Every act may be asked for again, so no answer is no riddle here as it is for posts: what nobody
knows the outcome of is asked again, and a page says that it is done when the platform has said so.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from accounts.connections import open_account
from accounts.errors import Invalid
from accounts.health import health_note
from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.policy import decide
from audit.actors import Actor
from mentions.models import Act, Conversation, Moderation, Outcome
from mentions.services.moderation import moderation_done, moderation_fail
from platforms.contract import (
    Adapter,
    AuthorisationLost,
    Deed,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
)
from scheduling.traffic.admission import Wish, admit
from scheduling.traffic.learning import learn

log = structlog.get_logger(__name__)

LEASE = timedelta(minutes=3)
"""How long a worker has one to itself: three slow requests. A killed worker's wait this long."""
PATIENCE = timedelta(hours=24)
"""What was not done by then is given up, and whoever asked can read why."""
CLAIM_MAX = 100
_FIRST_S, _LONGEST_S, _HOUR_S = 5.0, 600.0, 3_600.0
_FAULT = "Asking stopped because of a fault in Socialdesk."

_CALLS: Mapping[Act, Callable[[Adapter, Moderation], None]] = {
    Act.HIDE: lambda adapter, one: adapter.hide(one.mention.remote_id),
    Act.SHOW: lambda adapter, one: adapter.show(one.mention.remote_id),
    Act.REMOVE: lambda adapter, one: adapter.remove(one.mention.remote_id),
    Act.BLOCK: lambda adapter, one: adapter.block(one.contact.remote_id),
    Act.UNBLOCK: lambda adapter, one: adapter.unblock(one.contact.remote_id),
}


def claim_due(now: datetime | None = None) -> list[tuple[int, int]]:
    """Take what is due, one of each account, for LEASE; safe to run anywhere at once.

    Their ids, and how often each was tried with this time: who does not know that number is late.
    One at a time: some platforms keep what is hidden in one list, which is read and written back.
    """
    now = now or timezone.now()
    with transaction.atomic():
        ids = _due(now).order_by().values_list("account", flat=True).distinct()[:CLAIM_MAX]
        accounts = SocialAccount.objects.select_for_update(skip_locked=True, no_key=True)
        free = list(accounts.filter(pk__in=list(ids)).values_list("pk", flat=True))
        rows = _due(now).filter(account__in=free).select_related("account")
        first = list(rows.order_by("account_id", "pk").distinct("account_id"))
        taken = _admitted(first)
        Moderation.objects.filter(pk__in=[one.pk for one in taken]).update(
            lease_until=now + LEASE, tries=F("tries") + 1
        )
    return [(one.pk, one.tries + 1) for one in taken]


def moderate(moderation_id: int, tries: int, *, actor: Actor) -> None:
    """Ask the platform for one that was claimed; nothing when it is not claimed any more."""
    one = (
        Moderation.objects.select_related("account", "mention", "contact", "by")
        .filter(pk=moderation_id, tries=tries, state=Outcome.ASKED)
        .filter(lease_until__gt=timezone.now())
        .first()
    )
    if one is None:
        return
    verdict = decide(Actor.person(one.by), Capability.MODERATE, one.account)
    try:
        if not verdict:
            why = f"{one.account.info.label} was not asked. {verdict.reason}"
            moderation_fail(actor=actor, moderation=one, problem=why)
        else:
            _ask(one, actor)
    except Invalid:
        log.info("moderation_settled_elsewhere", moderation=one.pk)


def _ask(one: Moderation, actor: Actor) -> None:
    adapter: Adapter | None = None
    try:
        adapter = open_account(one.account)
        _CALLS[Act(one.act)](adapter, one)
    except PlatformError as error:
        learn(one.account, adapter=adapter, error=error)
        _went_wrong(one, actor, error)
        return
    except Exception:
        log.exception("moderation_broke", moderation=one.pk)
        _went_wrong(one, actor, OutcomeUnknown(_FAULT, code="fault"))
        return
    learn(one.account, adapter=adapter, error=None)
    moderation_done(actor=actor, moderation=one)
    health_note(actor=actor, account=one.account, error=None)


def _went_wrong(one: Moderation, actor: Actor, error: PlatformError) -> None:
    log.warning(
        "moderation_failed",
        moderation=one.pk,
        account=one.account_id,
        kind=type(error).__name__,
        code=error.code,
        tries=one.tries,
    )
    if isinstance(error, AuthorisationLost):
        health_note(actor=actor, account=one.account, error=error)
    if isinstance(error, Refused):
        moderation_fail(actor=actor, moderation=one, problem=error.message)
    elif timezone.now() - one.asked_at > PATIENCE:
        look = f" Perhaps it was done all the same: look on {one.account.info.label}."
        doubt = look if isinstance(error, OutcomeUnknown) else ""
        why = f"It was given up after {PATIENCE.days} day. {error.message}{doubt}"
        moderation_fail(actor=actor, moderation=one, problem=why)
    else:
        _put_off(one, error)


def _put_off(one: Moderation, error: PlatformError) -> None:
    """When a worker tries again is its own plan, and nothing to record."""
    wait = min(_LONGEST_S, _FIRST_S * 2 ** min(one.tries - 1, 10)) * random.uniform(0.8, 1.0)  # noqa: S311  # no secret
    if isinstance(error, RetryLater) and error.delay_s is not None:
        wait = max(wait, min(error.delay_s, _HOUR_S))
    Moderation.objects.filter(pk=one.pk, tries=one.tries, state=Outcome.ASKED).update(
        next_try_at=timezone.now() + timedelta(seconds=wait),
        lease_until=None,
        problem=error.message[:500],
    )
    _tell_pages([one])


def _due(now: datetime) -> QuerySet[Moderation]:
    busy = Moderation.objects.filter(state=Outcome.ASKED, lease_until__gt=now).values("account")
    free = Q(lease_until=None) | Q(lease_until__lte=now)
    rows = Moderation.objects.filter(free, state=Outcome.ASKED, next_try_at__lte=now)
    return rows.exclude(account__in=busy)


def _admitted(rows: list[Moderation]) -> list[Moderation]:
    """Those whose platform takes requests now; the others are tried when it does, and say so."""
    waits = admit([Wish(one.account, {Deed.MODERATE: 1}) for one in rows])
    for one, wait in zip(rows, waits, strict=True):
        if wait is not None:
            Moderation.objects.filter(pk=one.pk).update(
                next_try_at=wait.until, problem=wait.why[:500]
            )
    late = [one for one, wait in zip(rows, waits, strict=True) if wait and one.problem != wait.why]
    _tell_pages(late)
    return [one for one, wait in zip(rows, waits, strict=True) if wait is None]


def _tell_pages(rows: list[Moderation]) -> None:
    ids = [one.conversation_id for one in rows]
    Conversation.objects.filter(pk__in=ids).update(version=F("version") + 1)

"""Whether accounts still work: asked of the platform, noted when it changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.connections import lapse_of, note_success, open_account
from accounts.ending import days_left
from accounts.models import Credential, SocialAccount
from accounts.models.social import Health
from accounts.services.social import account_health_change, account_warn_of_end
from audit.actors import Actor
from platforms.contract import Adapter, AuthorisationLost, PlatformError
from platforms.declared import limits_kept

KEEPS_FAILING = 3
"""Renewals that failed one after the other, until people are told when the credentials end."""
KNOWN_FOR = timedelta(seconds=10)
"""That an account works is noted once in so long: a thread of posts says it ten times over."""


def health_note(*, actor: Actor, account: SocialAccount, error: PlatformError | None) -> None:
    """Note what a contact with the platform showed; one event when the health changed by it."""
    if error is None:
        health, note = Health.HEALTHY, ""
        note_success(account)
    elif isinstance(error, AuthorisationLost):
        health, note = Health.LOST, error.message
    else:
        health, note = Health.TROUBLED, error.message
    # Several workers speak to an account: what counts is what the row says, not what we loaded.
    row = SocialAccount.objects.filter(pk=account.pk)
    if row.values_list("health", flat=True).get() != health:
        account_health_change(actor=actor, account=account, health=health, note=note)
    else:
        row.update(checked_at=timezone.now(), health_note=note[:500])


def health_note_good(*, actor: Actor, accounts: Sequence[SocialAccount]) -> None:
    """`health_note` for accounts just loaded whose platforms answered well; few statements."""
    now = timezone.now()
    well = [account for account in accounts if account.health == Health.HEALTHY]
    news = [account.pk for account in well if not _is_known(account, now)]
    if news:
        _note_well(news, now)
    for account in accounts:
        if account.health != Health.HEALTHY:
            health_note(actor=actor, account=account, error=None)


def _is_known(account: SocialAccount, now: datetime) -> bool:
    seen = account.last_success_at
    return seen is not None and timedelta(0) <= now - seen < KNOWN_FOR and not account.health_note


def _note_well(ids: Sequence[int], now: datetime) -> None:
    rows = SocialAccount.objects.filter(pk__in=ids, health=Health.HEALTHY)
    with transaction.atomic():
        # Whoever holds a row notes the same: nobody waits for it, and no two for each other.
        free = rows.select_for_update(skip_locked=True).values("pk")
        SocialAccount.objects.filter(pk__in=free).update(
            last_success_at=now, checked_at=now, health_note=""
        )


def account_check(*, actor: Actor, account: SocialAccount) -> PlatformError | None:
    """Ask the platform who the account is; returns what went wrong, or None."""
    error: PlatformError | None = None
    try:
        adapter = open_account(account)
        identity = adapter.verify()
        if identity.remote_id != account.remote_id:
            error = AuthorisationLost(
                f"The credentials now belong to {identity.handle}. Reconnect the account."
            )
    except PlatformError as raised:
        error = raised
    health_note(actor=actor, account=account, error=error)
    if error is None:
        lapse_note(actor=actor, account=account, lapses_at=lapse_of(adapter))
        if _is_first_of_the_day(account):
            _limits_read(account, adapter)
    return error


def _is_first_of_the_day(account: SocialAccount) -> bool:
    """`checked_at` is still that of the check before."""
    return account.checked_at is None or account.checked_at.date() < timezone.now().date()


def _limits_read(account: SocialAccount, adapter: Adapter) -> None:
    """Keep what the server declares by now; telemetry, not an act."""
    try:
        limits = adapter.limits()
    except PlatformError:
        return  # as it was, until tomorrow
    rows = SocialAccount.objects.filter(pk=account.pk)
    rows.update(declared_limits=limits_kept(limits, account.info.limits))


def lapse_note(*, actor: Actor, account: SocialAccount, lapses_at: datetime | None) -> None:
    """Note when the credentials end for good, and tell people once at each of the WARN_DAYS.

    `lapses_at`: what the adapter knows of it; what is renewed and cannot be, ends all the same.
    """
    credential = Credential.objects.filter(account=account).first()
    if credential is None:  # disconnected while the platform was asked
        return
    lapses_at = _end_of(account, credential, lapses_at)
    if credential.lapses_at != lapses_at:
        credential.lapses_at, credential.told_days = lapses_at, None
        credential.save(update_fields=["lapses_at", "told_days"])
    if lapses_at is None:
        return
    days = days_left(lapses_at, timezone.now())
    if days is not None and (credential.told_days is None or days < credential.told_days):
        note = credential.renewal_note
        why = f"Renewing them fails: {note}" if note else ""
        account_warn_of_end(actor=actor, account=account, lapses_at=lapses_at, days=days, why=why)


def _end_of(
    account: SocialAccount, credential: Credential, told: datetime | None
) -> datetime | None:
    """The earliest of what the adapter, the platform's rules and failing renewals say."""
    oauth, given_at = account.info.oauth, credential.given_at
    ends = [told]
    if oauth is not None and given_at is not None:
        if credential.app_id is not None and oauth.agreed_for:
            ends.append(given_at + oauth.agreed_for)
        if oauth.lives and credential.ends_at is None and credential.renew_at is None:
            ends.append(given_at + oauth.lives)
    if credential.renewal_refused_at or credential.renewal_failures >= KEEPS_FAILING:
        ends.append(credential.ends_at)
    return min((end for end in ends if end), default=None)

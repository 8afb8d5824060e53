"""Social accounts: connecting, changing, freezing, checking."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.connections import Proven
from accounts.ending import when
from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import Capability, OrgCapability
from accounts.models import Credential, SocialAccount, User
from accounts.models.social import Health
from accounts.moments import known_zones
from accounts.policy import by, on_account_or_org, organisation
from accounts.sealing import SealBroken
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from platforms.keeping import Kept, kept

_ASKED = by(ActorKind.WORKER, ActorKind.COMMAND, ActorKind.PERSON)
"""Whoever asked the platform; what it answered is no decision of theirs."""
_MANAGE = on_account_or_org(Capability.MANAGE, OrgCapability.ACCOUNTS)


@action("account.connected", needs=organisation(OrgCapability.ACCOUNTS))
def account_connect(
    *,
    actor: Actor,
    proven: Proven,
    owner: User,
    time_zone: str,
    purpose: str = "",
    approval_required: bool = False,
) -> SocialAccount:
    """Connect an account whose credentials were proven. Raises Invalid if it is here already."""
    _check_zone(time_zone)
    _check_owner(owner)
    existing = SocialAccount.objects.filter(
        platform=proven.platform, base_url=proven.base_url, remote_id=proven.identity.remote_id
    ).first()
    if existing is not None:
        raise _connected_already(existing)
    now = timezone.now()
    account = SocialAccount(
        platform=proven.platform,
        base_url=proven.base_url,
        remote_id=proven.identity.remote_id,
        handle=proven.identity.handle,
        display_name=proven.identity.display_name[:120] or proven.identity.handle[:120],
        profile_url=proven.identity.profile_url,
        owner=owner,
        purpose=purpose.strip(),
        time_zone=time_zone,
        approval_required=approval_required,
        declared_limits=proven.declared_limits,
        checked_at=now,
        last_success_at=now,
    )
    try:
        with transaction.atomic():
            account.save()
    except IntegrityError:  # somebody else was a moment faster
        raise _connected_already(account) from None
    _keep_credential(account, proven, actor)
    data = {"base_url": account.base_url, "owner": owner, "time_zone": time_zone}
    record("account.connected", subject=account, account=account, data=data)
    return account


@action("account.reconnected", needs=_MANAGE)
def account_reconnect(*, actor: Actor, account: SocialAccount, proven: Proven) -> SocialAccount:
    """Give an account new credentials. Raises Invalid when they belong to another account."""
    theirs = (proven.platform, proven.base_url, proven.identity.remote_id)
    if theirs != (account.platform, account.base_url, account.remote_id):
        raise Invalid(
            "secret",
            f"These credentials belong to {proven.identity.handle}, not to {account.handle}. "
            "Nothing was changed.",
        )
    _keep_credential(account, proven, actor)
    account.disconnected_at = None
    account.handle = proven.identity.handle
    account.declared_limits = proven.declared_limits
    account.health, account.health_note = Health.HEALTHY, ""
    account.checked_at = account.last_success_at = timezone.now()
    account.save()
    record("account.reconnected", subject=account, account=account)
    return account


@action("account.changed", needs=_MANAGE)
def account_change(
    *,
    actor: Actor,
    account: SocialAccount,
    display_name: str,
    owner: User,
    purpose: str,
    time_zone: str,
    approval_required: bool,
    service_hours: str | None = None,
) -> SocialAccount:
    """Change what the organisation says of an account; `service_hours` None: they stay. Raises
    Invalid."""
    _check_zone(time_zone)
    if owner != account.owner:
        _check_owner(owner)
    if not display_name.strip():
        raise Invalid("display_name", "Give the account a name.")
    new: dict[str, Any] = {
        "display_name": display_name.strip(),
        "owner": owner,
        "purpose": purpose.strip(),
        "time_zone": time_zone,
        "approval_required": approval_required,
        "service_hours": account.service_hours if service_hours is None else service_hours.strip(),
    }
    changed = {k: {"before": getattr(account, k), "after": v} for k, v in new.items()}
    changed = {k: v for k, v in changed.items() if v["before"] != v["after"]}
    for name, value in new.items():
        setattr(account, name, value)
    account.save(update_fields=list(new))
    record("account.changed", subject=account, account=account, data=changed)
    return account


@action("account.frozen", needs=_MANAGE)
def account_freeze(*, actor: Actor, account: SocialAccount, reason: str) -> SocialAccount:
    """Stop everything that would go out from an account, at once. Raises Invalid."""
    if not reason.strip():
        raise Invalid("reason", "Say why; everybody who works with the account will read it.")
    if account.is_frozen:
        raise Invalid("", f"{account} is frozen already: {account.frozen_reason}")
    account.frozen_at, account.frozen_by = timezone.now(), actor.user
    account.frozen_reason = reason.strip()
    account.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record("account.frozen", subject=account, account=account, data={"reason": reason.strip()})
    why = f"The account is frozen: {reason.strip()}"
    rights_changed.send(SocialAccount, actor=actor, account=account, user=None, reason=why)
    return account


@action("account.unfrozen", needs=_MANAGE)
def account_unfreeze(*, actor: Actor, account: SocialAccount) -> SocialAccount:
    """Lift an account's freeze. What was held stays held until somebody releases it.

    Raises Invalid.
    """
    if not account.is_frozen:
        raise Invalid("", f"{account} is not frozen.")
    account.frozen_at, account.frozen_by, account.frozen_reason = None, None, ""
    account.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record("account.unfrozen", subject=account, account=account)
    return account


@action("account.disconnected", needs=_MANAGE)
def account_disconnect(*, actor: Actor, account: SocialAccount, reason: str) -> SocialAccount:
    """Forget an account's credentials; its history stays. Raises Invalid."""
    if not reason.strip():
        raise Invalid("reason", "Say why; it goes on record.")
    if not account.is_connected:
        raise Invalid("", f"{account} is disconnected already.")
    Credential.objects.filter(account=account).delete()
    account.disconnected_at = timezone.now()
    account.save(update_fields=["disconnected_at"])
    record("account.disconnected", subject=account, account=account, data={"reason": reason})
    why = f"The account was disconnected: {reason.strip()}"
    rights_changed.send(SocialAccount, actor=actor, account=account, user=None, reason=why)
    return account


@action("account.health_changed", needs=_ASKED)
def account_health_change(
    *, actor: Actor, account: SocialAccount, health: Health, note: str
) -> None:
    """Note that an account works, or why it does not; called only when that changed."""
    before = account.health
    account.health, account.health_note = health, note[:500]
    account.checked_at = timezone.now()
    account.save(update_fields=["health", "health_note", "checked_at"])
    record(
        "account.health_changed",
        subject=account,
        account=account,
        data={"before": before, "after": health, "note": note[:500]},
    )
    if Health.LOST in (before, health):
        # An alert that is open says what is not so any more, and would keep this from being told.
        settle_alert(kind=AlertKind.TOKEN, subject=account)
        Credential.objects.filter(account=account).update(told_days=None)
    if health == Health.LOST:
        raise_alert(kind=AlertKind.TOKEN, subject=account, account=account, message=note)


@action("account.credentials_ending", needs=_ASKED, may_find_nothing=True)
def account_warn_of_end(
    *, actor: Actor, account: SocialAccount, lapses_at: datetime, days: int, why: str = ""
) -> None:
    """Tell people that the account has to be connected anew within so many days, unless somebody
    who asked at the same time has told them. `why`: a sentence, where it should not have to be."""
    untold = Q(told_days=None) | Q(told_days__gt=days)
    if not Credential.objects.filter(untold, account=account).update(told_days=days):
        return
    record(
        "account.credentials_ending",
        subject=account,
        account=account,
        data={"days": days, "lapses_at": lapses_at},
    )
    # The last warning may still be open, and would keep this one from being told.
    settle_alert(kind=AlertKind.TOKEN, subject=account)
    message = (
        f"The credentials end {when(account, lapses_at)}. Reconnect the account before that, or "
        f"its posts stop. {why}"
    )
    raise_alert(kind=AlertKind.TOKEN, subject=account, account=account, message=message.strip())


def _keep_credential(account: SocialAccount, proven: Proven, actor: Actor) -> None:
    """In a row of its own: whoever renews what was there before, renews for nothing."""
    list(SocialAccount.objects.select_for_update().filter(pk=account.pk))  # one at a time
    before = Credential.objects.filter(account=account).first()
    session = _with_what_it_had(proven, before)
    credential = Credential(
        account=account,
        secret=proven.secret,
        session=session,
        app=proven.app,
        given_by=actor.user,
        given_at=timezone.now(),
        lapses_at=proven.lapses_at if session == proven.session else None,  # it renews itself
    )
    for name, value in credential.standing().items():
        setattr(credential, name, value)
    if before is not None:
        before.delete()
    credential.save()
    account.credential = credential


def _with_what_it_had(proven: Proven, before: Credential | None) -> str:
    """Not every sign-in brings a refresh token again: the one there is stays."""
    if before is None or before.app is None or before.app != proven.app:
        return proven.session
    try:
        had = kept(before.secret, before.session).tokens.refresh_token
    except SealBroken:
        return proven.session
    given = kept(proven.secret, proven.session).tokens
    if given.refresh_token or not had:
        return proven.session
    return Kept(dataclasses.replace(given, refresh_token=had)).dump(proven.secret)


def _connected_already(account: SocialAccount) -> Invalid:
    return Invalid("handle", f"{account} is connected already. Reconnect it on its page.")


def _check_owner(owner: User) -> None:
    if not owner.is_active:
        raise Invalid("owner", f"{owner} has left. Name somebody who is here.")


def _check_zone(name: str) -> None:
    if name not in known_zones():
        raise Invalid("time_zone", f"{name!r} is no time zone. Write for example Europe/London.")

"""Locking an account down that was taken over, and what the platform says to its tokens."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import Capability, OrgCapability
from accounts.models import Credential, Lockdown, LockdownState, SocialAccount
from accounts.policy import by, on_account_or_org
from accounts.sealing import SealBroken
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from platforms.keeping import is_revocable

REVOKER = Actor.worker("lockdown")
_MANAGE = on_account_or_org(Capability.MANAGE, OrgCapability.ACCOUNTS)


@action("account.locked_down", needs=_MANAGE)
def account_lock_down(*, actor: Actor, account: SocialAccount, reason: str) -> Lockdown:
    """Freeze an account, hold what is queued, and take its credentials out of everybody's reach.

    They are kept for the platform to revoke, where it can be asked to, and for nothing else.
    Raises Invalid.
    """
    if not reason.strip():
        raise Invalid("reason", "Say why; everybody who works with the account will read it.")
    row = SocialAccount.objects.select_for_update().get(pk=account.pk)
    if row.is_frozen and not row.is_connected:
        raise Invalid("", f"{account} is frozen and has no credentials: there is nothing left.")
    now = timezone.now()
    if not row.is_frozen:
        account.frozen_at, account.frozen_by = now, actor.user
        account.frozen_reason = reason.strip()
    account.disconnected_at = row.disconnected_at or now
    account.save(update_fields=["frozen_at", "frozen_by", "frozen_reason", "disconnected_at"])
    lockdown = _lockdown_of(account, actor, now)
    lockdown.save()
    Credential.objects.filter(account=account).delete()
    data = {"reason": reason.strip(), "tokens": lockdown.state}
    record("account.locked_down", subject=account, account=account, data=data)
    why = f"The account is locked down: {reason.strip()}"
    rights_changed.send(SocialAccount, actor=actor, account=account, user=None, reason=why)
    return lockdown


def _lockdown_of(account: SocialAccount, actor: Actor, now: datetime) -> Lockdown:
    lockdown = Lockdown(account=account, began_at=now, began_by=actor.user)
    lockdown.state = LockdownState.BY_HAND
    credential = Credential.objects.select_for_update().filter(account=account).first()
    if credential is None:
        return lockdown
    try:
        secret, session = credential.secret, credential.session
    except SealBroken as broken:
        lockdown.note = str(broken)
        return lockdown
    if is_revocable(account.platform, secret):
        lockdown.state = LockdownState.ASKING
        lockdown.secret, lockdown.session, lockdown.app = secret, session, credential.app
        # Whoever is just renewing hands in what comes of it, and that has to be revoked as well.
        lockdown.next_try_at = max(now, credential.renewal_until or now)
    return lockdown


@action("account.tokens_revoked", "account.tokens_left", needs=by(ActorKind.WORKER))
def lockdown_end(*, actor: Actor, lockdown: Lockdown, state: LockdownState, note: str) -> None:
    """Note what the platform said in the end, and forget the credentials here, too."""
    lockdown.state, lockdown.note = state, note[:500]
    lockdown.answered_at, lockdown.next_try_at = timezone.now(), None
    lockdown.secret = lockdown.session = ""
    lockdown.save()
    name = "account.tokens_revoked" if state == LockdownState.REVOKED else "account.tokens_left"
    account = lockdown.account
    record(name, subject=account, account=account, data={"note": note[:500]})

"""Asking platforms to revoke the tokens of accounts that were locked down, until they answer."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from accounts.connections import network_policy
from accounts.models import Lockdown, LockdownState
from accounts.sealing import SealBroken
from accounts.services.lockdowns import REVOKER, lockdown_end
from platforms import oauth
from platforms.contract import AuthorisationLost, PlatformError, Refused
from platforms.keeping import app_in, kept

GIVE_UP = timedelta(days=7)
_PATIENCE = (timedelta(seconds=30), timedelta(hours=1))


def lockdowns_due() -> list[Lockdown]:
    """Those whose platform is to be asked now, each the caller's own for a while."""
    now = timezone.now()
    due = Lockdown.objects.filter(state=LockdownState.ASKING, next_try_at__lte=now)
    found = []
    for lockdown in due.select_related("account", "app").order_by("next_try_at")[:20]:
        mine = Lockdown.objects.filter(pk=lockdown.pk, next_try_at=lockdown.next_try_at)
        lockdown.tries += 1
        lockdown.next_try_at = now + min(_PATIENCE[0] * 2 ** min(lockdown.tries, 10), _PATIENCE[1])
        if mine.update(tries=lockdown.tries, next_try_at=lockdown.next_try_at):
            found.append(lockdown)
    return found


def tokens_revoke(lockdown: Lockdown) -> None:
    """Ask the platform once; no transaction is open meanwhile."""
    try:
        _revoke(lockdown)
    except (Refused, SealBroken) as error:
        lockdown_end(actor=REVOKER, lockdown=lockdown, state=LockdownState.BY_HAND, note=str(error))
    except PlatformError as error:
        if timezone.now() - lockdown.began_at > GIVE_UP:
            state = LockdownState.BY_HAND
            lockdown_end(actor=REVOKER, lockdown=lockdown, state=state, note=error.message)
        else:
            Lockdown.objects.filter(pk=lockdown.pk).update(note=error.message[:500])
    else:
        lockdown_end(actor=REVOKER, lockdown=lockdown, state=LockdownState.REVOKED, note="")


def _revoke(lockdown: Lockdown) -> None:
    """Raises PlatformError, SealBroken."""
    account = lockdown.account
    app = lockdown.app.credentials() if lockdown.app else app_in(lockdown.secret)
    stored = kept(lockdown.secret, lockdown.session)
    declared = oauth.declared(account.platform)
    for tokens in filter(None, (stored.tokens, stored.unproven)):
        lost = ""
        try:
            oauth.revoke(
                account.platform, app, tokens, network=network_policy(), base_url=account.base_url
            )
        except AuthorisationLost as error:
            if declared.revoke_method != "DELETE":
                raise  # the app is not let in, which may be put right
            lost = error.message
        if lost:
            raise Refused(lost)

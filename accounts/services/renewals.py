"""What came of renewing an account's tokens, put on record."""

from __future__ import annotations

from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.ending import days_left, when
from accounts.models import Credential, SocialAccount
from accounts.policy import by
from audit.actions import action, record
from audit.actors import Actor, ActorKind

RENEWER = Actor.worker("account-renewal")
"""Who renews, whoever was speaking to the platform when it had to be done."""
_RENEWER = by(ActorKind.WORKER)


@action("account.credentials_renewed", needs=_RENEWER, may_find_nothing=True)
def account_renewal_note(*, actor: Actor, account: SocialAccount) -> None:
    """Note that the account has fresh tokens, unless it was disconnected meanwhile."""
    credential = Credential.objects.filter(account=account)
    if credential.update(
        renewed_at=timezone.now(), renewal_failures=0, renewal_note="", renewal_refused_at=None
    ):
        data = {"ends_at": credential.values_list("ends_at", flat=True).get()}
        record("account.credentials_renewed", subject=account, account=account, data=data)


@action("account.renewal_refused", needs=_RENEWER, may_find_nothing=True)
def account_renewal_refuse(*, actor: Actor, account: SocialAccount, note: str) -> None:
    """Tell people that only they can keep the account connected. Once, until it is renewed or
    connected anew; it is not asked for again ahead of the end.
    """
    now = timezone.now()
    credential = Credential.objects.filter(account=account, renewal_refused_at=None).first()
    if credential is None:
        return
    ends_at = credential.ends_at
    credential.renewal_refused_at, credential.renewal_note = now, note[:500]
    credential.renew_at = credential.renewal_asked_at = None
    credential.lapses_at, credential.told_days = ends_at, days_left(ends_at, now)
    credential.save(
        update_fields=[
            *("renewal_refused_at", "renewal_note", "renew_at", "renewal_asked_at"),
            *("lapses_at", "told_days"),
        ]
    )
    data = {"note": note[:500], "ends_at": ends_at}
    record("account.renewal_refused", subject=account, account=account, data=data)
    until = f" They end {when(account, ends_at)}." if ends_at and ends_at > now else ""
    settle_alert(kind=AlertKind.TOKEN, subject=account)
    raise_alert(
        kind=AlertKind.TOKEN,
        subject=account,
        account=account,
        message=f"The credentials are not renewed any more.{until} Reconnect the account. {note}",
    )

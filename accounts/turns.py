"""One worker at a time, on whichever host, renews the tokens of an account.

The turn is a lease in the credential's row, committed before anybody is asked: no transaction and
no connection is held while a platform takes its time, and of a worker that died it ends by itself.
What was asked and not heard is in the row as well, so that whoever comes next knows it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from accounts.models import Credential, Lockdown, LockdownState, SocialAccount
from accounts.sealing import sealed_as
from accounts.services.renewals import RENEWER, account_renewal_note, account_renewal_refuse
from platforms.contract import AuthorisationLost, OutcomeUnknown, PlatformError, RetryLater
from platforms.keeping import IN_DOUBT
from platforms.turns import Turn

LEASE = timedelta(minutes=4)
"""More than three requests can take: tokens, whose they are, and a redirect."""
WAIT_S = 15.0
LOOK_AGAIN_S = 0.2
_LAST = timedelta(minutes=1)  # before the end, when even what is in doubt is asked for again
_PATIENCE = (timedelta(minutes=5), timedelta(hours=1))


def turns_of(account: SocialAccount, secret: str) -> Callable[[], AbstractContextManager[Turn]]:
    """How the adapters of `account`, opened with `secret`, take turns (`platforms.turns`)."""

    @contextmanager
    def take() -> Iterator[Turn]:
        turn = _taken(account, secret)
        try:
            yield turn
            turn.succeeded()
        except PlatformError as failure:
            turn.failed(failure)
            raise
        finally:
            turn.give_back()

    return take


def _taken(account: SocialAccount, secret: str) -> _Turn:
    until = time.monotonic() + WAIT_S
    turn = _Turn(account)
    while not turn.take(secret):
        if time.monotonic() >= until:
            raise RetryLater(
                "The access to this account is being renewed.", code="renewing", delay_s=15.0
            )
        time.sleep(LOOK_AGAIN_S)
    return turn


class _Turn:
    """See `platforms.turns.Turn`."""

    def __init__(self, account: SocialAccount) -> None:
        self._account = account
        self._id = uuid.uuid4()
        self._has_kept = False
        self._row = Credential()

    def take(self, secret: str) -> bool:
        """Whether it is ours now. Raises AuthorisationLost, RetryLater if there is none to take."""
        free = Q(renewal_until=None) | Q(renewal_until__lte=Now())
        rows = Credential.objects.filter(account=self._account)
        is_mine = rows.filter(free).update(renewal_by=self._id, renewal_until=Now() + LEASE)
        row = rows.select_related("account", "app").first()
        if row is None:
            raise AuthorisationLost("The account is disconnected. Reconnect it on its page.")
        if not is_mine:
            return False
        self._row = row
        if row.secret.strip() != secret.strip():
            self.give_back()
            raise RetryLater("The account was connected anew just now.", code="renewing", delay_s=1)
        return True

    @property
    def session(self) -> str:
        return str(self._row.session)

    @property
    def in_doubt(self) -> bool:
        return self._row.renewal_asked_at is not None

    def asking(self) -> None:
        if not self._mine().update(renewal_asked_at=timezone.now()):
            raise RetryLater("Somebody else renews the account by now.", code="renewing")

    def keep(self, session: str) -> None:
        row = self._row
        row.session = session
        kept = self._mine().update(
            session=sealed_as(row, "session", session),
            updated_at=timezone.now(),
            renewal_asked_at=None,
            **row.standing(),
        )
        if kept:
            self._has_kept = True
        elif not _hand_over(self._account, row.secret, session):
            raise RetryLater("The account was connected anew just now.", code="renewing")

    def give_back(self) -> None:
        self._mine().update(renewal_by=None, renewal_until=None)

    def succeeded(self) -> None:
        if self._has_kept:  # else somebody else had renewed them
            account_renewal_note(actor=RENEWER, account=self._account)

    def failed(self, failure: PlatformError) -> None:
        """Put down why. Any other failure, as our own end, leaves it in doubt."""
        if isinstance(failure, AuthorisationLost):
            account_renewal_refuse(actor=RENEWER, account=self._account, note=failure.message)
            return
        row = self._row
        was_heard = not isinstance(failure, OutcomeUnknown) and failure.code != IN_DOUBT
        self._mine().update(
            renewal_failures=F("renewal_failures") + 1,
            renewal_note=failure.message[:500],
            renew_at=_next_try(row.renewal_failures, row.ends_at, timezone.now()),
            **({"renewal_asked_at": None} if was_heard else {}),
        )

    def _mine(self) -> QuerySet[Credential]:
        return Credential.objects.filter(pk=self._row.pk, renewal_by=self._id)


def _next_try(failures: int, ends_at: datetime | None, now: datetime) -> datetime:
    """Later each time, and in any case just before the end."""
    at = now + min(_PATIENCE[0] * 2 ** min(failures, 10), _PATIENCE[1])
    last = ends_at - _LAST if ends_at else None
    return last if last and now < last < at else at


def _hand_over(account: SocialAccount, secret: str, session: str) -> bool:
    """Tokens that arrive when the account was locked down have to be revoked as well."""
    for lockdown in Lockdown.objects.filter(account=account, state=LockdownState.ASKING):
        if lockdown.secret == secret:
            lockdown.session = session
            lockdown.save(update_fields=["session"])
            return True
    return False

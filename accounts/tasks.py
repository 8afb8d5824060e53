"""Background work of this room: asking the platforms whether accounts still work."""

from __future__ import annotations

from datetime import timedelta

import structlog
from celery import shared_task
from django.db.models import F, Q
from django.utils import timezone

from accounts import using
from accounts.authorising import request_forget_old
from accounts.connections import account_renew
from accounts.health import account_check
from accounts.lockdowns import lockdowns_due, tokens_revoke
from accounts.models import Credential, SocialAccount
from accounts.selectors.reviews import accounts_undecided, reviews_due, reviews_to_remind
from accounts.services.lapses import WATCHER, conditions_keep
from accounts.services.reviews import KEEPER, review_close, review_lapse, review_remind
from audit.actors import Actor
from platforms.contract import PlatformError

log = structlog.get_logger(__name__)

CHECK_AGAIN_AFTER = timedelta(minutes=10)
RENEW_AGAIN_AFTER = timedelta(minutes=5)
BATCH = 20
"""A run comes every minute, so 20 keep 200 accounts at ten minutes even if each takes 3 s; more
accounts are checked less often, never all at once."""


@shared_task(name="accounts.check_due_accounts")
def check_due_accounts() -> int:
    """Check the accounts not checked for ten minutes, the longest unchecked first.

    Returns how many were checked. Safe to run in several workers at once: an account is claimed
    by setting `checked_at` before the platform is asked.
    """
    checked = 0
    now = timezone.now()
    due = Q(checked_at=None) | Q(checked_at__lte=now - CHECK_AGAIN_AFTER)
    accounts = SocialAccount.objects.filter(due, disconnected_at=None)
    for account in accounts.order_by(F("checked_at").asc(nulls_first=True), "pk")[:BATCH]:
        mine = SocialAccount.objects.filter(pk=account.pk, checked_at=account.checked_at)
        if account.checked_at is None:
            mine = SocialAccount.objects.filter(pk=account.pk, checked_at=None)
        if not mine.update(checked_at=timezone.now()):
            continue
        checked += 1
        try:
            account_check(actor=Actor.worker("account-health"), account=account)
        except Exception:  # one account's fault must not keep the others unchecked
            log.exception("account_check_failed", account_id=account.pk)
    return checked


@shared_task(name="accounts.renew_tokens")
def renew_tokens() -> int:
    """Renew the tokens that are past their half time. Returns how many accounts were looked at.

    Safe to run in several workers at once: each account is claimed by putting its next time off,
    which is what holds, too, when the worker dies.
    """
    looked_at = 0
    now = timezone.now()
    due = SocialAccount.objects.filter(credential__renew_at__lte=now, disconnected_at=None)
    due = due.select_related("credential__app").order_by("credential__renew_at")
    for account in due[:BATCH]:
        mine = Credential.objects.filter(account=account, renew_at=account.credential.renew_at)
        if not mine.update(renew_at=now + RENEW_AGAIN_AFTER):
            continue
        looked_at += 1
        try:
            account_renew(account)
        except PlatformError:
            pass  # its row says why
        except Exception:  # one account's fault must not keep the others from being renewed
            log.exception("account_renew_failed", account_id=account.pk)
    return looked_at


@shared_task(name="accounts.revoke_tokens")
def revoke_tokens() -> int:
    """Ask platforms to revoke what was locked down. Returns how many were asked."""
    due = lockdowns_due()
    for lockdown in due:
        try:
            tokens_revoke(lockdown)
        except Exception:  # as above
            log.exception("tokens_revoke_failed", account_id=lockdown.account_id)
    return len(due)


@shared_task(name="accounts.keep_conditions")
def keep_conditions() -> None:
    """Note what lapsed by time, hold what was queued by it, and tell what will lapse.

    Each run is one transaction of a limited size; it goes on until nothing is left.
    """
    while conditions_keep(actor=WATCHER):
        pass


@shared_task(name="accounts.end_reviews")
def end_reviews() -> None:
    """Remind of reviews that end soon, and let lapse what nobody confirmed by their end.

    Account by account, each its own act: whoever is stopped half way goes on with the next run.
    """
    for review in reviews_to_remind():
        review_remind(actor=KEEPER, review=review)
    for review in reviews_due():
        for account in accounts_undecided(review):
            review_lapse(actor=KEEPER, review=review, account=account)
        review_close(actor=KEEPER, review=review)


@shared_task(name="accounts.forget_authorisations")
def forget_authorisations() -> int:
    """Throw away what people brought back from platforms and did not use; how much that was."""
    return request_forget_old()


@shared_task(name="accounts.note_use")
def note_use() -> int:
    """Bring up to date when each account was last used; how many were used since."""
    return using.note_use()

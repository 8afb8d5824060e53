"""What Celery runs for this app."""

from __future__ import annotations

from celery import shared_task

from audit.actors import Actor
from mentions import moderating, polling

POLLER = Actor.worker("poller")
MODERATOR = Actor.worker("moderator")


@shared_task(name="mentions.dispatch_polls")
def dispatch_polls() -> None:
    """Every second: hand the accounts that are due to the workers."""
    for account_id in polling.claim_due():
        # A message nobody took in time is worth nothing: its account has been claimed again.
        poll_account.apply_async(args=(account_id,), expires=polling.LEASE.total_seconds())


@shared_task(name="mentions.poll_account")
def poll_account(account_id: int) -> None:
    """Read one claimed account."""
    polling.poll(account_id, actor=POLLER)


@shared_task(name="mentions.dispatch_moderations")
def dispatch_moderations() -> None:
    """Every second: hand what people asked for to the workers."""
    for moderation_id, tries in moderating.claim_due():
        args = (moderation_id, tries)
        moderate.apply_async(args=args, expires=moderating.LEASE.total_seconds())


@shared_task(name="mentions.moderate")
def moderate(moderation_id: int, tries: int) -> None:
    """Ask a platform for one claimed act."""
    moderating.moderate(moderation_id, tries, actor=MODERATOR)

"""Alerts: what has to reach a person who is not looking at the pages.

The room `operations` listens and sends them; whatever happens in the rooms below can raise one.
"""

from __future__ import annotations

from django.db import models
from django.dispatch import Signal

from accounts.models import SocialAccount
from audit.actions import current_actor


class AlertKind(models.TextChoices):
    """What an alert says; people choose by these which of them go where."""

    FAILED = "failed", "Failed to publish"
    UNKNOWN = "unknown", "May or may not have gone out"
    HELD = "held", "Held by Socialdesk"
    PREPARATION = "preparation", "Will fail when it is due"
    TOKEN = "token", "Credentials lost or about to expire"  # a word, no secret
    PLATFORM = "platform", "A platform is in trouble"
    BACKLOG = "backlog", "Due and not taken up"
    CLOCK = "clock", "The clock stands still"


alert_raised = Signal()
"""Sent inside the transaction of whoever raised one; arguments as of `raise_alert`."""
alert_settled = Signal()
"""What an alert said is over; arguments `kind`, `subject`."""


def raise_alert(
    *,
    kind: AlertKind,
    subject: models.Model | str,
    message: str,
    account: SocialAccount | None = None,
) -> None:
    """Have people told, when the transaction of the action under way is committed.

    `subject`: what it is about; a word where it is no row ('bluesky'). While an alert of this
    kind about it is open, another changes nothing. `message`: one sentence for people, with no
    secret and nobody's words in it. Raises RuntimeError outside of an action.
    """
    current_actor()
    alert_raised.send(AlertKind, kind=kind, subject=subject, message=message, account=account)


def settle_alert(*, kind: AlertKind, subject: models.Model | str) -> None:
    """What the open alert says is over; does nothing where there is none.

    Deliveries and accounts need no call: what was said of them is looked at again by itself.
    """
    alert_settled.send(AlertKind, kind=kind, subject=subject)

"""Alerts: what has to reach a person who is not looking at the pages.

The room `operations` listens and sends them; whatever happens in the rooms below can raise one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    CORRECTION = "correction", "A post was not corrected, or may not have been"
    TOKEN = "token", "Credentials lost or about to expire"  # a word, no secret
    PLATFORM = "platform", "A platform is in trouble"
    BACKLOG = "backlog", "Due and not taken up"
    CLOCK = "clock", "The clock stands still"
    RECORD = "record", "The record is not sealed, witnessed or whole"
    ANTIVIRUS = "antivirus", "Uploads cannot be checked for viruses"
    ACCESS = "access", "A level lapses, or is to be confirmed"


alert_raised = Signal()
"""Sent inside the transaction of whoever raised some; argument `alerts`, of `Raised`."""
alert_settled = Signal()
"""What an alert said is over; arguments `kind`, `subject`."""


@dataclass(frozen=True, slots=True)
class Raised:
    """What is to be told. `subject`: what it is about, a word where it is no row ('bluesky');
    `message`: one sentence for people, with no secret and nobody's words in it. `people`: the ids
    of exactly those who are told by e-mail, whatever they have set; empty: those it concerns.
    """

    kind: AlertKind
    subject: models.Model | str
    message: str
    account: SocialAccount | None = None
    people: tuple[int, ...] = ()


def raise_alert(
    *,
    kind: AlertKind,
    subject: models.Model | str,
    message: str,
    account: SocialAccount | None = None,
    people: tuple[int, ...] = (),
) -> None:
    """Have people told, when the transaction of the action under way is committed.

    While an alert of this kind about the subject is open, another changes nothing. Raises
    RuntimeError outside of an action.
    """
    raise_alerts([Raised(kind, subject, message, account, people)])


def raise_alerts(alerts: Sequence[Raised]) -> None:
    """`raise_alert` for many, in one statement."""
    current_actor()
    alert_raised.send(AlertKind, alerts=alerts)


def settle_alert(*, kind: AlertKind, subject: models.Model | str) -> None:
    """What the open alert says is over; does nothing where there is none.

    Deliveries and accounts need no call: what was said of them is looked at again by itself.
    """
    alert_settled.send(AlertKind, kind=kind, subject=subject)

"""Alerts as rows: inserted in the transaction of whoever raised them, so a crash loses none."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from accounts.alerts import AlertKind
from accounts.models import SocialAccount
from audit.plain import clean
from operations.models import Alert


def on_alert_raised(
    *,
    kind: AlertKind,
    subject: models.Model | str,
    message: str,
    account: SocialAccount | None,
    **_: Any,
) -> None:
    """Receiver of accounts.alerts.alert_raised."""
    alert = Alert(
        kind=kind,
        subject_label=clean(str(subject), 200),
        account=account,
        post_id=getattr(subject, "post_id", None),
        message=clean(message, 500),
        **_key(subject),
    )
    # An open alert about the same thing wins, whoever raised it.
    Alert.objects.bulk_create([alert], ignore_conflicts=True)


def on_alert_settled(*, kind: AlertKind, subject: models.Model | str, **_: Any) -> None:
    """Receiver of accounts.alerts.alert_settled."""
    rows = Alert.objects.filter(kind=kind, settled_at=None, **_key(subject))
    rows.update(settled_at=timezone.now())


def _key(subject: models.Model | str) -> dict[str, str]:
    if isinstance(subject, models.Model):
        return {"subject_type": subject._meta.label_lower, "subject_id": str(subject.pk)}
    return {"subject_type": "", "subject_id": subject[:64]}

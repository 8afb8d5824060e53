"""Alerts as rows: inserted in the transaction of whoever raised them, so a crash loses none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.utils import timezone

from accounts.alerts import AlertKind, Raised
from audit.plain import clean
from operations.models import Alert
from scheduling.models import Delivery


def on_alert_raised(*, alerts: Sequence[Raised], **_: Any) -> None:
    """Receiver of accounts.alerts.alert_raised."""
    rows = [
        Alert(
            kind=alert.kind,
            subject_label=clean(str(alert.subject), 200),
            account=alert.account,
            delivery=alert.subject if isinstance(alert.subject, Delivery) else None,
            message=clean(alert.message, 500),
            people=list(alert.people),
            **_key(alert.subject),
        )
        for alert in alerts
    ]
    # An open alert about the same thing wins, whoever raised it.
    Alert.objects.bulk_create(rows, ignore_conflicts=True)


def on_alert_settled(*, kind: AlertKind, subject: models.Model | str, **_: Any) -> None:
    """Receiver of accounts.alerts.alert_settled."""
    rows = Alert.objects.filter(kind=kind, settled_at=None, **_key(subject))
    rows.update(settled_at=timezone.now())


def _key(subject: models.Model | str) -> dict[str, str]:
    if isinstance(subject, models.Model):
        return {"subject_type": subject._meta.label_lower, "subject_id": str(subject.pk)}
    return {"subject_type": "", "subject_id": subject[:64]}

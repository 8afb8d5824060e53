"""What people have to be told, written down where it happened."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.alerts import AlertKind
from accounts.models import SocialAccount
from scheduling.models import Delivery


class Alert(models.Model):
    """One thing to tell. It is open until what it says is over, and then may be raised anew."""

    kind = models.CharField(max_length=16, choices=AlertKind.choices)
    subject_type = models.CharField(max_length=64, blank=True)  # '': the subject is a word
    subject_id = models.CharField(max_length=64)
    subject_label = models.CharField(max_length=200)  # of a post no more than its first words
    account = models.ForeignKey(
        SocialAccount, null=True, on_delete=models.CASCADE, related_name="alerts"
    )
    delivery = models.ForeignKey(
        Delivery, null=True, on_delete=models.CASCADE, related_name="alerts"
    )
    message = models.CharField(max_length=500)
    people = ArrayField(models.BigIntegerField(), default=list)  # told whatever they have set
    raised_at = models.DateTimeField(db_default=Now())
    routed_at = models.DateTimeField(null=True)  # when it was decided who is told
    settled_at = models.DateTimeField(null=True)  # when it was over

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject_type", "subject_id"],
                condition=Q(settled_at=None),
                name="alert_open_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["raised_at"],
                condition=Q(routed_at=None, settled_at=None),
                name="alert_to_route",
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.subject_label}"

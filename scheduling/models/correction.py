"""A correction: new words for what is published already."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import SocialAccount
from scheduling.models.delivery import Delivery


class CorrectionState(models.TextChoices):
    PROPOSED = "proposed", "Correction in review"
    QUEUED = "queued", "Correction waiting to be sent"
    SENDING = "sending", "Correction being sent"
    CORRECTED = "corrected", "Corrected"
    RETURNED = "returned", "Correction returned"
    DROPPED = "dropped", "Correction taken back"
    FAILED = "failed", "Not corrected"
    UNKNOWN = "unknown", "May or may not be corrected"


OPEN = (CorrectionState.PROPOSED, CorrectionState.QUEUED, CorrectionState.SENDING)
"""It may yet come about; a delivery has one such correction at the most."""


class Correction(models.Model):
    """New words for a published delivery. `correcting.correction_move` alone writes `state`."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="corrections")
    before = models.TextField(blank=True)  # what it said when this was proposed
    text = models.TextField(blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="corrections"
    )
    at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(max_length=12, choices=CorrectionState.choices)
    state_since = models.DateTimeField(auto_now_add=True)

    reviewed = models.BooleanField(default=False)  # it goes out by an approval
    approved_hash = models.CharField(max_length=64, blank=True)  # of exactly what was approved
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    comment = models.TextField(blank=True)  # of the person who decided

    # The engine's own.
    queued_at = models.DateTimeField(null=True)
    next_try_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)  # goes up with each try; a late worker's is stale
    in_doubt = models.BooleanField(default=False)  # a try ended so that nobody knows what it did
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery"], condition=Q(state__in=OPEN), name="correction_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state=CorrectionState.SENDING, lease_until__isnull=False)
                | (~Q(state=CorrectionState.SENDING) & Q(lease_until__isnull=True)),
                name="correction_leased_iff_sending",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                condition=Q(state=CorrectionState.QUEUED),
                name="correction_due",
            ),
            models.Index(
                fields=["at"],
                condition=Q(state=CorrectionState.PROPOSED),
                name="correction_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"correction of {self.delivery}"

    @property
    def account(self) -> SocialAccount:
        return self.delivery.account

    @property
    def is_under_way(self) -> bool:
        return self.state in (CorrectionState.QUEUED, CorrectionState.SENDING)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

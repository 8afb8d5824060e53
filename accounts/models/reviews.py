"""Access reviews: every grant put before whoever answers for its account, until a day."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.levels import Level
from accounts.models.access import Grant
from accounts.models.social import SocialAccount


class AccessReview(models.Model):
    """One campaign. What is not confirmed by its end lapses."""

    name = models.CharField(max_length=120)
    note = models.CharField(max_length=300, blank=True)  # what those who review should look for
    levels = ArrayField(models.CharField(max_length=16, choices=Level.choices))
    all_accounts = models.BooleanField(default=True)  # else those that its items are on
    due_at = models.DateTimeField()
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_by_label = models.CharField(max_length=254)
    started_at = models.DateTimeField(auto_now_add=True)
    reminded_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)  # what was undecided has lapsed

    class Meta:
        default_permissions = ()
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        return self.closed_at is None


class Outcome(models.TextChoices):
    """What became of a grant under review."""

    WAITING = "", "Waiting"
    CONFIRMED = "confirmed", "Confirmed"
    REMOVED = "removed", "Removed"
    LAPSED = "lapsed", "Lapsed, nobody confirmed it"
    OVERTAKEN = "overtaken", "Ended or replaced meanwhile"


class ReviewItem(models.Model):
    """One grant in a review, as it stood when the review began."""

    review = models.ForeignKey(AccessReview, on_delete=models.CASCADE, related_name="items")
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="+")
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="reviews")
    outcome = models.CharField(max_length=10, choices=Outcome.choices, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_by_label = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["review", "grant"], name="review_item_once")]
        indexes = [
            models.Index(fields=["review", "account"], name="review_of_account"),
            models.Index(
                fields=["account", "review"], condition=Q(outcome=""), name="review_waiting"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.grant} in {self.review}"

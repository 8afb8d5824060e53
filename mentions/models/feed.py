"""How far an account has been read, and when it is read next."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from accounts.models import SocialAccount


class Feed(models.Model):
    """The reading position of one account; the cursor is committed with the rows it stands for."""

    account = models.OneToOneField(SocialAccount, on_delete=models.CASCADE, related_name="feed")
    cursor = models.TextField(blank=True)
    next_poll_at = models.DateTimeField(default=timezone.now)
    lease_until = models.DateTimeField(null=True, blank=True)
    interval_s = models.PositiveIntegerField(default=10)
    last_polled_at = models.DateTimeField(null=True, blank=True)
    last_new_at = models.DateTimeField(null=True, blank=True)
    awake_until = models.DateTimeField(null=True, blank=True)  # somebody is looking at the inbox
    failures = models.PositiveIntegerField(default=0)  # in a row
    is_lost = models.BooleanField(default=False)  # the credentials were no longer good
    problem = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["next_poll_at"], name="feed_due")]

    def __str__(self) -> str:
        return f"feed of {self.account}"

"""What the platforms know this installation by."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.sealing import SealedTextField
from platforms.contract import AppCredentials
from platforms.registry import info_of_account


class PlatformApp(models.Model):
    """Socialdesk as one platform's server knows it: the app that people let act for an account."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    platform = models.CharField(max_length=32)  # the one whose app it is; see OAuth.app_of
    base_url = models.CharField(max_length=255)
    client_id = models.CharField(max_length=500)
    client_secret = SealedTextField(blank=True)  # '' for a public client
    redirect_uri = models.CharField(max_length=500, blank=True)  # what we registered it with
    added_at = models.DateTimeField(default=timezone.now)  # these credentials, not the first ones
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        default_permissions = ()
        ordering = ["platform", "base_url"]
        constraints = [
            models.UniqueConstraint(fields=["platform", "base_url"], name="app_once_a_server")
        ]

    def __str__(self) -> str:
        return f"{info_of_account(self.platform).label} ({self.base_url})"

    def credentials(self) -> AppCredentials:
        """What requests in its name take. Raises SealBroken."""
        return AppCredentials(self.client_id, self.client_secret)

"""What the platforms know this installation by, and people on their way there and back."""

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

    @property
    def has_secret(self) -> bool:
        return bool(self.__dict__["client_secret"])

    def credentials(self) -> AppCredentials:
        """What requests in its name take. Raises SealBroken."""
        return AppCredentials(self.client_id, self.client_secret)


class AuthorisationRequest(models.Model):
    """A person who was sent to a platform to agree, until what they came back with is connected.

    Short-lived: `accounts.authorising` says how long, and what may be made of it once.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    app = models.ForeignKey(PlatformApp, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(  # to be reconnected; none: a new one is connected
        "SocialAccount", null=True, on_delete=models.CASCADE, related_name="+"
    )
    session_hash = models.CharField(max_length=64)
    state_hash = models.CharField(max_length=64, unique=True)
    verifier = SealedTextField()
    begun_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)  # when an answer came, whatever it said
    found = SealedTextField(blank=True)  # the accounts on offer, with their tokens
    found_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.person} at {self.app}"

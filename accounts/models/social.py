"""The official accounts."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from accounts.levels import Capability
from platforms.contract import Feature, Limits, PlatformInfo
from platforms.declared import limits_from
from platforms.registry import info_of_account


class Health(models.TextChoices):
    """What the last contact with the platform showed."""

    HEALTHY = "healthy", "Healthy"
    TROUBLED = "troubled", "Not answering"  # unreachable or 5xx; tried again by itself
    LOST = "lost", "Needs reconnecting"  # the credentials are no longer good


class SocialAccount(models.Model):
    """One official account on one platform."""

    platform = models.CharField(max_length=32)
    base_url = models.CharField(max_length=255)
    remote_id = models.CharField(max_length=255)
    handle = models.CharField(max_length=255)
    display_name = models.CharField(max_length=120)
    profile_url = models.CharField(max_length=500, blank=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="owned_accounts"
    )
    purpose = models.CharField(max_length=300, blank=True)
    service_hours = models.CharField(max_length=120, blank=True)  # when somebody answers
    time_zone = models.CharField(max_length=64)  # IANA
    approval_required = models.BooleanField(default=False)  # from everybody, publishers too
    declared_limits = models.JSONField(default=dict, blank=True)  # the server's own; see limits

    health = models.CharField(max_length=12, choices=Health.choices, default=Health.HEALTHY)
    health_note = models.CharField(max_length=500, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)

    frozen_at = models.DateTimeField(null=True, blank=True)
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    frozen_reason = models.CharField(max_length=500, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)  # accounts.using brings it up to date
    connected_at = models.DateTimeField(default=timezone.now)
    disconnected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        permissions = [(c.value, c.label) for c in Capability]
        ordering = ["display_name", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["platform", "base_url", "remote_id"], name="account_connected_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.display_name} ({self.info.label} {self.handle})"

    @property
    def info(self) -> PlatformInfo:
        return info_of_account(self.platform)

    @property
    def limits(self) -> Limits:
        """The server's declared limits, or the platform's where it declared none."""
        return limits_from(self.declared_limits, self.info.limits)

    def can(self, feature: str) -> bool:
        """Whether the platform has `feature`."""
        return Feature(feature) in self.info.features

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def is_connected(self) -> bool:
        return self.disconnected_at is None

    @property
    def condition(self) -> str:
        """Health, freeze and connection as the one word pages show (`{% health %}` draws it)."""
        if not self.is_connected or self.health == Health.LOST:
            return "lost"
        if self.is_frozen:
            return "frozen"
        if self.checked_at is None:
            return "unknown"
        return self.health

"""What is needed to speak for an account, and what becomes of it when it is locked down."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from accounts.models.apps import PlatformApp
from accounts.models.social import SocialAccount
from accounts.sealing import SealedTextField
from platforms.keeping import standing

ENDS_SOON = timedelta(days=14)
"""So long ahead pages say that an account has to be connected anew."""


@dataclass(frozen=True, slots=True)
class MissingScope:
    """A permission that was not granted; `so`: what does not work without it, '' if unknown."""

    name: str
    so: str


class Credential(models.Model):
    """The secret of one account and the session a platform gave for it, both sealed.

    While `renewal_until` is ahead, the worker `renewal_by` alone may renew the tokens. While
    `renewal_asked_at` is set, the platform was asked to and nobody has heard an answer.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(
        SocialAccount, on_delete=models.CASCADE, related_name="credential"
    )
    secret = SealedTextField()
    session = SealedTextField(blank=True)
    app = models.ForeignKey(  # that the platform gave it to; none for what a person pasted
        PlatformApp, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    given_at = models.DateTimeField(null=True, blank=True)  # the secret, by a person
    updated_at = models.DateTimeField(auto_now=True)
    scopes = ArrayField(models.CharField(max_length=200), default=list, blank=True)  # [] not said
    lapses_at = models.DateTimeField(null=True, blank=True)  # when it ends for good, if known
    told_days = models.PositiveSmallIntegerField(null=True, blank=True)  # how far ahead people were

    ends_at = models.DateTimeField(null=True, blank=True)  # the token in force, if known
    renew_at = models.DateTimeField(null=True, blank=True)  # None: nothing renews it
    renewed_at = models.DateTimeField(null=True, blank=True)
    renewal_by = models.UUIDField(null=True, blank=True)
    renewal_until = models.DateTimeField(null=True, blank=True)
    renewal_asked_at = models.DateTimeField(null=True, blank=True)
    renewal_failures = models.PositiveSmallIntegerField(default=0)  # since it last succeeded
    renewal_note = models.CharField(max_length=500, blank=True)  # why the last one failed
    renewal_refused_at = models.DateTimeField(null=True, blank=True)  # for good, by the platform

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["renew_at"],
                name="credential_to_renew",
                condition=models.Q(renew_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"credential of {self.account}"

    def standing(self) -> dict[str, Any]:
        """What its tokens, given just now, say of themselves. Raises SealBroken."""
        app = self.app.credentials() if self.app else None
        told = standing(self.account.platform, app, self.secret, self.session)
        scopes = [scope[:200] for scope in told.scopes[:100]]
        return {"ends_at": told.ends_at, "renew_at": told.renew_at, "scopes": scopes}

    @property
    def needs_a_person(self) -> bool:
        """Whether only reconnecting keeps the account working beyond the next two weeks."""
        soon = timezone.now() + ENDS_SOON
        return bool(self.renewal_refused_at or (self.lapses_at and self.lapses_at <= soon))

    @property
    def missing_scopes(self) -> list[MissingScope]:
        """What the adapter needs and the platform says was not granted; [] where it says nothing.

        A scope as broad as 'write' holds 'write:media', as Mastodon has it.
        """
        declared, granted = self.account.info.oauth, set(self.scopes)
        if declared is None or not granted:
            return []
        return [
            MissingScope(name, declared.uses.get(name, ""))
            for name in declared.uses or declared.scopes
            if not {name, name.partition(":")[0]} & granted
        ]


class LockdownState(models.TextChoices):
    """Whether the platform has taken the tokens back."""

    ASKING = "asking", "Not yet revoked"
    REVOKED = "revoked", "Revoked"
    BY_HAND = "by_hand", "To be revoked by hand"


class Lockdown(models.Model):
    """An account was taken over, or may have been: its tokens on their way back to the platform.

    The secret is sealed here, for nothing but to be revoked, until the platform has answered.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="lockdowns")
    began_at = models.DateTimeField(default=timezone.now)
    began_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    state = models.CharField(max_length=12, choices=LockdownState.choices)
    secret = SealedTextField(blank=True)
    session = SealedTextField(blank=True)
    app = models.ForeignKey(PlatformApp, null=True, on_delete=models.SET_NULL, related_name="+")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=500, blank=True)  # what the platform said last

    class Meta:
        default_permissions = ()
        ordering = ["-began_at"]
        indexes = [
            models.Index(
                fields=["next_try_at"],
                name="lockdown_to_ask",
                condition=models.Q(next_try_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"lockdown of {self.account}"

"""People, teams and invitations."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person who works at the desk. Nobody is a superuser: rights come from roles and grants."""

    email = models.EmailField("e-mail address", max_length=254)
    full_name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, blank=True)  # IANA; '' : the organisation's
    alert_emails = models.BooleanField(default=True)  # wants to be told what needs a person
    is_administrator = models.BooleanField("administrator", default=False)
    is_auditor = models.BooleanField("auditor", default=False)
    is_evidence_officer = models.BooleanField("evidence officer", default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    frozen_at = models.DateTimeField(null=True, blank=True, editable=False)
    frozen_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    frozen_reason = models.CharField(max_length=500, blank=True, editable=False)

    groups = models.ManyToManyField(Group, blank=True, related_name="user_set")

    # Worked out from the conditions (accounts/conditions.py alone writes it): until when each level
    # is in force for this person and what ends it; a level that is not in it has no limit.
    level_limits = models.JSONField(default=dict, blank=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["full_name"]

    class Meta:
        default_permissions = ()
        ordering = ["full_name", "id"]
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.full_name or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """As ever, but a row loaded a while ago does not write its old limits over new ones."""
        if not self._state.adding and kwargs.get("update_fields") is None and not args:
            fields = (f.name for f in self._meta.concrete_fields if not f.primary_key)
            kwargs["update_fields"] = [name for name in fields if name != "level_limits"]
        super().save(*args, **kwargs)

    @property
    def is_frozen(self) -> bool:
        return self.frozen_at is not None

    @property
    def lapsed_levels(self) -> frozenset[str]:
        """The levels that are not in force for this person now: a condition of theirs is unmet."""
        if not self.level_limits:
            return frozenset()
        now = timezone.now()
        limits = self.level_limits.items()
        return frozenset(k for k, limit in limits if datetime.fromisoformat(limit["until"]) <= now)

    def level_ends(self, level: str) -> datetime | None:
        """When a condition of this level will be unmet, or since when it is; None: not in sight."""
        limit = self.level_limits.get(level)
        return datetime.fromisoformat(limit["until"]) if limit else None

    @property
    def zone_name(self) -> str:
        return self.time_zone or settings.TIME_ZONE

    @property
    def role_labels(self) -> list[str]:
        flags = ("is_administrator", "is_auditor", "is_evidence_officer")
        return [str(self._meta.get_field(f).verbose_name) for f in flags if getattr(self, f)]  # type: ignore[union-attr]  # all three are plain fields


class Team(models.Model):
    """People who get levels together. Its members are the users of its group."""

    name = models.CharField(max_length=100, unique=True)
    purpose = models.CharField(max_length=300, blank=True)
    group = models.OneToOneField(Group, on_delete=models.PROTECT, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ()
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Invitation(models.Model):
    """A link by e-mail that lets one person in, once. Only the link's hash is kept."""

    email = models.EmailField(max_length=254)
    full_name = models.CharField(max_length=120)
    token_hash = models.CharField(max_length=64, unique=True)
    is_administrator = models.BooleanField(default=False)
    is_auditor = models.BooleanField(default=False)
    is_evidence_officer = models.BooleanField(default=False)
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"invitation of {self.email}"

    @staticmethod
    def hash_of(token: str) -> str:
        """What is kept of a link: SHA-256, in hex. The token is random, so no salt is needed."""
        return hashlib.sha256(token.encode()).hexdigest()

    @property
    def is_open(self) -> bool:
        return (
            self.accepted_at is None
            and self.withdrawn_at is None
            and self.expires_at > timezone.now()
        )

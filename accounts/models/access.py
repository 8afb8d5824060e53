"""Grants, and the rights they stand for in django-guardian's direct tables."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from accounts.levels import Level
from accounts.models.people import Team
from accounts.models.social import SocialAccount


class GrantQuerySet(models.QuerySet["Grant"]):
    def in_force(self) -> GrantQuerySet:
        return self.filter(in_force_q())


def in_force_q(prefix: str = "") -> Q:
    """Grants that hold at this moment; `prefix` leads to the grant, with its trailing '__'."""
    return Q(**{f"{prefix}ended_at__isnull": True}) & (
        Q(**{f"{prefix}ends_at__isnull": True}) | Q(**{f"{prefix}ends_at__gt": timezone.now()})
    )


def without_lapsed(rows: QuerySet[Any], *, limits: Any, level: str) -> QuerySet[Any]:
    """Only the rows whose level has not lapsed for its person; `limits` and `level` lead to the
    person's limits and to the grant's level."""
    path = (limits if hasattr(limits, "resolve_expression") else F(limits), F(level))
    until = Func(*path, Value("until"), function="jsonb_extract_path_text")
    rows = rows.alias(_until=Cast(until, models.DateTimeField()))
    return rows.filter(Q(_until=None) | Q(_until__gt=timezone.now()))


class Grant(models.Model):
    """A person or a team having a level on an account: who gave it, why and until when."""

    account = models.ForeignKey(SocialAccount, on_delete=models.CASCADE, related_name="grants")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="grants",
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.CASCADE, related_name="grants"
    )
    level = models.CharField(max_length=16, choices=Level.choices)
    reason = models.CharField(max_length=300)
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    given_by_label = models.CharField(max_length=254)
    given_at = models.DateTimeField(auto_now_add=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["account", "id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=True) ^ Q(team__isnull=True), name="grant_to_one"
            ),
            models.UniqueConstraint(
                fields=["account", "user"], condition=Q(ended_at=None), name="grant_user_once"
            ),
            models.UniqueConstraint(
                fields=["account", "team"], condition=Q(ended_at=None), name="grant_team_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_level_display()} on {self.account} for {self.holder}"

    @property
    def holder(self) -> str:
        return str(self.user or self.team)

    def drop_rights(self) -> None:
        """Remove the rights this stands for; part of an action that records the end."""
        self.user_rights.all().delete()
        self.group_rights.all().delete()

    def end_now(self) -> None:
        """It gives nothing from now on; part of an action that records the end."""
        self.drop_rights()
        self.ended_at = timezone.now()
        self.save(update_fields=["ended_at"])

    @property
    def is_in_force(self) -> bool:
        return self.ended_at is None and (self.ends_at is None or self.ends_at > timezone.now())


class SocialAccountUserObjectPermission(UserObjectPermissionBase):
    """One right of one person on one account. No right without its grant."""

    content_object = models.ForeignKey(
        SocialAccount, on_delete=models.CASCADE, related_name="user_rights"
    )
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="user_rights")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["user", "content_object"],
                include=["permission", "grant"],
                name="rights_of_user",
            )
        ]


class SocialAccountGroupObjectPermission(GroupObjectPermissionBase):
    """One right of one team (its group) on one account. No right without its grant."""

    content_object = models.ForeignKey(
        SocialAccount, on_delete=models.CASCADE, related_name="group_rights"
    )
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="group_rights")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["group", "content_object"],
                include=["permission", "grant"],
                name="rights_of_group",
            )
        ]

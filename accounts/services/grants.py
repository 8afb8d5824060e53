"""Giving, changing and ending levels."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import Permission
from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import CAPABILITIES, Capability, Level, OrgCapability
from accounts.models import (
    Grant,
    SocialAccount,
    SocialAccountGroupObjectPermission,
    SocialAccountUserObjectPermission,
    Team,
    User,
)
from accounts.policy import on_account_or_org
from audit.actions import action, record
from audit.actors import Actor, ActorKind

_MANAGE = on_account_or_org(Capability.MANAGE, OrgCapability.ACCOUNTS)
_MANAGE_ITS = on_account_or_org(Capability.MANAGE, OrgCapability.ACCOUNTS, "grant.account")


@action("grant.given", "grant.changed", needs=_MANAGE)
def grant_set(
    *,
    actor: Actor,
    account: SocialAccount,
    level: str,
    reason: str,
    user: User | None = None,
    team: Team | None = None,
    ends_at: datetime | None = None,
) -> Grant:
    """Give a person or a team a level on an account; it replaces the one they have there.

    Raises Invalid: no reason, both or neither holder, an end in the past, one's own level.
    """
    if (user is None) == (team is None):
        raise Invalid("holder", "Choose one person or one team.")
    if level not in Level.values:
        raise Invalid("level", "Choose a level.")
    if not reason.strip():
        raise Invalid("reason", "Say why; it goes on record.")
    if ends_at is not None and ends_at <= timezone.now():
        raise Invalid("ends_at", "The end has to lie ahead.")
    if user is not None and actor.kind is ActorKind.PERSON and user.pk == actor.id:
        raise Invalid("holder", "Nobody sets their own level. Ask another manager.")
    if user is not None and not user.is_active:
        raise Invalid("holder", f"{user} has left.")
    if team is not None and _is_in(actor, team):
        raise Invalid("holder", f"You are in the team {team}, and nobody sets their own level.")

    # Two people giving a level at once take turns, so that the second replaces the first's.
    SocialAccount.objects.select_for_update().only("pk").get(pk=account.pk)
    before = (
        Grant.objects.select_for_update(of=("self",))
        .filter(account=account, user=user, team=team, ended_at=None)
        .first()
    )
    if before is not None:
        before.end_now()
    grant = Grant.objects.create(
        account=account,
        user=user,
        team=team,
        level=level,
        reason=reason.strip(),
        given_by=actor.user,
        given_by_label=actor.label,
        ends_at=ends_at,
    )
    _rights_give(grant)
    record(
        "grant.changed" if before else "grant.given",
        subject=grant,
        account=account,
        data={
            "holder": user or team,
            "level": level,
            "before": before.level if before else None,
            "reason": grant.reason,
            "ends_at": ends_at,
        },
    )
    if before is not None:
        _tell(actor, grant, f"The level of {grant.holder} on {account} is now {level}.")
    return grant


@action("grant.ended", needs=_MANAGE_ITS)
def grant_end(*, actor: Actor, grant: Grant, reason: str = "") -> None:
    """Take a level away at once."""
    SocialAccount.objects.select_for_update().only("pk").get(pk=grant.account_id)
    grant.refresh_from_db(fields=["ended_at"])
    if grant.ended_at is not None:
        raise Invalid("", "This level was taken away already.")
    grant.end_now()
    data = {"holder": grant.user or grant.team, "level": grant.level, "reason": reason.strip()}
    record("grant.ended", subject=grant, account=grant.account, data=data)
    _tell(actor, grant, f"The level of {grant.holder} on {grant.account} was taken away.")


def _rights_give(grant: Grant) -> None:
    codenames = [capability.value for capability in CAPABILITIES[Level(grant.level)]]
    permissions = Permission.objects.filter(
        content_type__app_label="accounts", codename__in=codenames
    )
    if grant.user_id is not None:
        SocialAccountUserObjectPermission.objects.bulk_create(
            SocialAccountUserObjectPermission(
                user_id=grant.user_id,
                permission=permission,
                content_object_id=grant.account_id,
                grant=grant,
            )
            for permission in permissions
        )
    elif grant.team is not None:
        SocialAccountGroupObjectPermission.objects.bulk_create(
            SocialAccountGroupObjectPermission(
                group_id=grant.team.group_id,
                permission=permission,
                content_object_id=grant.account_id,
                grant=grant,
            )
            for permission in permissions
        )


def _is_in(actor: Actor, team: Team) -> bool:
    return actor.kind is ActorKind.PERSON and team.group.user_set.filter(pk=actor.id).exists()


def _tell(actor: Actor, grant: Grant, reason: str) -> None:
    rights_changed.send(Grant, actor=actor, account=grant.account, user=grant.user, reason=reason)

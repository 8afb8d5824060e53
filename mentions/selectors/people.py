"""Who conversations of an account may be given to."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.levels import Capability
from accounts.models import (
    SocialAccount,
    SocialAccountGroupObjectPermission,
    SocialAccountUserObjectPermission,
    User,
)
from accounts.models.access import in_force_q
from accounts.policy import decide
from audit.actors import Actor


def may_be_assigned(user: User, account: SocialAccount) -> bool:
    """Whether `user` may view `account` at this moment, as the policy says."""
    return bool(decide(Actor.person(user), Capability.VIEW, account))


def assignable(account: SocialAccount, text: str = "", limit: int = 12) -> list[User]:
    """People with a level on `account`, by name; `text` is part of a name or address. One query.

    Auditors are left out: they read everything and answer nothing.
    """
    people = User.objects.filter(is_active=True, frozen_at=None).filter(_may_view(account))
    if text:
        people = people.filter(Q(full_name__icontains=text) | Q(email__icontains=text))
    return list(people.order_by("full_name", "pk")[:limit])


def _may_view(account: SocialAccount) -> Q:
    this: dict[str, Any] = {
        "content_object": account,
        "permission__codename": Capability.VIEW.value,
    }
    own: QuerySet[Any] = SocialAccountUserObjectPermission.objects.filter(
        in_force_q("grant__"), user=OuterRef("pk"), **this
    )
    team: QuerySet[Any] = SocialAccountGroupObjectPermission.objects.filter(
        in_force_q("grant__"), group__user_set=OuterRef("pk"), **this
    )
    return Q(Exists(own)) | Q(Exists(team))

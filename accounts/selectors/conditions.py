"""What pages and notices read of conditions."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accounts.levels import Level
from accounts.models import Grant, Team, User


def managers_of(user: User, levels: Iterable[str]) -> set[User]:
    """Who answers for a person's levels: the managers of the accounts on which they have these."""
    mine = Q(user=user) | Q(team__in=Team.objects.filter(group__user_set=user).values("pk"))
    on = Grant.objects.in_force().filter(mine, level__in=list(levels)).values("account")
    managing = Grant.objects.in_force().filter(account__in=on, level=Level.MANAGER)
    teams = Team.objects.filter(pk__in=managing.values("team")).values("group")
    found = User.objects.filter(
        Q(pk__in=managing.values("user")) | Q(groups__in=teams), is_active=True, frozen_at=None
    )
    return set(found.exclude(pk=user.pk))

"""What is paused, what that holds, and what was on its way when it began."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import SocialAccount, Team
from accounts.models.access import in_force_q


def accounts_of(
    *, account: SocialAccount | None = None, team: Team | None = None
) -> QuerySet[SocialAccount] | None:
    """What a pause would cover: one account, those a team has levels on, or None for everything."""
    if account is not None:
        return SocialAccount.objects.filter(pk=account.pk)
    if team is not None:
        rows = SocialAccount.objects.filter(in_force_q("grants__"), grants__team=team)
        return rows.distinct()
    return None

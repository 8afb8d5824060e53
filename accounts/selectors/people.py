"""People, teams, invitations, and every right with where it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.levels import Level
from accounts.models import Grant, Invitation, SocialAccount, Team, User

ROLES: dict[str, str] = {
    "is_administrator": "Administrator",
    "is_auditor": "Auditor",
    "is_evidence_officer": "Evidence officer",
}
STATES: dict[str, str] = {
    "active": "May work",
    "frozen": "Frozen",
    "left": "Has left",
    "no_mfa": "Without multi-factor",
}


def people(*, text: str = "", role: str = "", state: str = "", team: str = "") -> QuerySet[User]:
    """People who fit the filters, each with `has_mfa` and their teams. Two queries."""
    mfa = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type="recovery_codes")
    found = User.objects.annotate(has_mfa=Exists(mfa)).prefetch_related(_teams())
    if text:
        found = found.filter(Q(full_name__icontains=text) | Q(email__icontains=text))
    if role in ROLES:
        found = found.filter(**{role: True})
    if state == "left":
        found = found.filter(is_active=False)
    elif state == "frozen":
        found = found.filter(is_active=True, frozen_at__isnull=False)
    elif state == "active":
        found = found.filter(is_active=True, frozen_at__isnull=True)
    elif state == "no_mfa":
        found = found.filter(is_active=True, has_mfa=False)
    if team.isdecimal():
        found = found.filter(groups__team=int(team[:9]))
    return found


def _teams() -> Prefetch[str, QuerySet[Group], str]:
    with_team = Group.objects.filter(team__isnull=False).select_related("team")
    return Prefetch("groups", with_team.order_by("team__name"), to_attr="team_groups")


SHOWN_AT_MOST = 20
"""People or teams suggested at once; whoever is not among them is found by typing more."""


def people_named(text: str) -> list[User]:
    """Some people who may be given something and whose name or address has `text`."""
    found = User.objects.filter(is_active=True)
    if text:
        found = found.filter(Q(full_name__icontains=text) | Q(email__icontains=text))
    return list(found[:SHOWN_AT_MOST])


def teams_named(text: str) -> list[Team]:
    """Some teams whose name has `text`."""
    return list(Team.objects.filter(name__icontains=text)[:SHOWN_AT_MOST])


def teams() -> QuerySet[Team]:
    """All teams with `people` and `levels`, how many of each they have.

    Counted each by itself: joined, a team of 500 people on 300 accounts would be 150,000 rows.
    """
    members = User.objects.filter(groups__team=OuterRef("pk"), is_active=True).order_by()
    grants = Grant.objects.in_force().filter(team=OuterRef("pk")).order_by()
    return Team.objects.annotate(
        people=_count(members.values("groups__team")), levels=_count(grants.values("team"))
    )


def _count(rows: QuerySet[Any, Any]) -> Coalesce:
    """How many `rows` there are, grouped by their one value, as a subquery."""
    return Coalesce(Subquery(rows.annotate(n=Count("pk")).values("n")), 0)


def members(team: Team) -> QuerySet[User]:
    """The people of a team who have not left."""
    return User.objects.filter(groups=team.group_id, is_active=True)


def grants_of_team(team: Team) -> list[Grant]:
    """The levels a team gives its people."""
    grants = Grant.objects.in_force().filter(team=team).select_related("account", "given_by")
    return list(grants.order_by("account__display_name", "account_id"))


@dataclass(frozen=True, slots=True)
class Right:
    """A level somebody has, and where it comes from: `grant.team` is None for their own."""

    account: SocialAccount
    grant: Grant
    has_lapsed: bool = False  # a condition of the level is unmet


def rights_of(user: User) -> list[Right]:
    """Every level a person has just now, by account; own and through teams. One query."""
    theirs = Q(user=user) | Q(team__in=Team.objects.filter(group__user_set=user).values("pk"))
    grants = (
        Grant.objects.in_force()
        .filter(theirs)
        .select_related("account", "team", "given_by")
        .order_by("account__display_name", "account_id", "pk")
    )
    lapsed = user.lapsed_levels
    return [Right(grant.account, grant, grant.level in lapsed) for grant in grants]


def rights_ended(user: User, limit: int = 20) -> list[Grant]:
    """The person's own levels that ended, the latest first."""
    over = Q(ended_at__isnull=False) | Q(ends_at__lte=timezone.now())
    grants = Grant.objects.filter(over, user=user).select_related("account", "given_by")
    return list(grants.order_by("-pk")[:limit])


@dataclass(frozen=True, slots=True)
class Cell:
    """The highest level of one person on one account; `team`: through which, '' for their own."""

    level: str
    label: str
    team: str


def cells(people_ids: Sequence[int], account_ids: Sequence[int]) -> dict[tuple[int, int], Cell]:
    """The matrix of people and accounts, each cell the highest level. One query."""
    grants = Grant.objects.in_force().filter(account__in=account_ids).order_by()
    own = grants.filter(user__in=people_ids).values_list(
        "user_id", "account_id", "level", "team__name"
    )
    through = grants.filter(team__group__user_set__in=people_ids).values_list(
        "team__group__user_set", "account_id", "level", "team__name"
    )
    ranks = {level.value: rank for rank, level in enumerate(Level)}
    found: dict[tuple[int, int], Cell] = {}
    for user_id, account_id, level, team in own.union(through, all=True):
        before = found.get((user_id, account_id))
        if before is None or (ranks[level], not team) > (ranks[before.level], not before.team):
            found[user_id, account_id] = Cell(level, Level(level).label, team or "")
    return found


def invitations(*, shown: str = "open") -> QuerySet[Invitation]:
    """Invitations that are open, or with 'all' those already used, withdrawn and expired too."""
    found = Invitation.objects.select_related("invited_by").prefetch_related("teams")
    if shown == "all":
        return found
    return found.filter(accepted_at=None, withdrawn_at=None, expires_at__gt=timezone.now())

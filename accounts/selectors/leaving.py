"""What a person's leaving would end, and what forbids it."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import Grant, SocialAccount, Team, User
from audit.actors import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Ending:
    """All of this room that ends with a person's access; `owned` wants a new owner."""

    grants: list[Grant]
    teams: list[Team]
    roles: list[str]
    sessions: list[str]
    factors: int  # authenticator apps, passkeys, recovery codes
    owned: list[SocialAccount]


def ending_of(user: User) -> Ending:
    """What would end just now. The sessions are looked through one by one: they name nobody."""
    grants = Grant.objects.filter(user=user, ended_at=None).select_related("account")
    return Ending(
        grants=list(grants.order_by("account__display_name", "pk")),
        teams=list(Team.objects.filter(group__user_set=user)),
        roles=user.role_labels,
        sessions=sessions_of(user),
        factors=Authenticator.objects.filter(user=user).count(),
        owned=list(user.owned_accounts.all()),
    )


def sessions_of(user: User) -> list[str]:
    """The keys of the sessions in which somebody is signed in."""
    now = timezone.now()
    rows = Session.objects.filter(expire_date__gt=now).iterator(chunk_size=500)
    return [row.session_key for row in rows if row.get_decoded().get(SESSION_KEY) == str(user.pk)]


def leaving_problem(actor: Actor, user: User) -> str:
    """Why this person's access cannot be closed by this actor; '' when it can."""
    if not user.is_active:
        return f"{user} has left already."
    if actor.kind is ActorKind.PERSON and actor.id == user.pk:
        return "You cannot close your own access. Ask another administrator."
    if user.is_administrator and not other_administrators(user):
        return NOBODY_LEFT
    return ""


NOBODY_LEFT = "Nobody would be left to administer. Name another administrator first."


def other_administrators(user: User) -> bool:
    """Whether somebody else could administer just now."""
    others = User.objects.filter(is_administrator=True, is_active=True, frozen_at=None)
    return others.exclude(pk=user.pk).exists()

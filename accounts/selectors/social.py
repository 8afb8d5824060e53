"""Accounts a person may see, and who can do what on one of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet

from accounts.levels import CAPABILITIES, Capability, Level, OrgCapability
from accounts.models import Grant, SocialAccount, User
from accounts.models.social import Health
from accounts.policy import accounts_where, decide_org
from audit.actors import Actor

CONDITIONS: dict[str, str] = {
    "healthy": "Working",
    "troubled": "Not answering",
    "lost": "Needs reconnecting",
    "frozen": "Frozen",
}


def accounts_seen(actor: Actor) -> QuerySet[SocialAccount]:
    """The accounts whose row one may see: those one may view, for an administrator all."""
    if decide_org(actor, OrgCapability.ACCOUNTS):
        return SocialAccount.objects.all()
    return accounts_where(actor, Capability.VIEW)


def accounts_found(
    actor: Actor, *, text: str = "", platform: str = "", condition: str = ""
) -> QuerySet[SocialAccount]:
    """Of those, the ones that fit the filters; `condition` is one of CONDITIONS."""
    accounts = accounts_seen(actor).select_related("owner")
    if text:
        accounts = accounts.filter(
            Q(display_name__icontains=text)
            | Q(handle__icontains=text.removeprefix("@"))
            | Q(purpose__icontains=text)
            | Q(owner__full_name__icontains=text)
        )
    if platform:
        accounts = accounts.filter(platform=platform)
    broken = Q(disconnected_at__isnull=False) | Q(health=Health.LOST)
    frozen = Q(frozen_at__isnull=False)
    if condition == "lost":
        accounts = accounts.filter(broken)
    elif condition == "frozen":
        accounts = accounts.filter(frozen)
    elif condition == "troubled":
        accounts = accounts.exclude(broken).filter(health=Health.TROUBLED)
    elif condition == "healthy":
        accounts = accounts.exclude(broken).exclude(frozen).filter(health=Health.HEALTHY)
    return accounts


@dataclass(slots=True)
class Holding:
    """One grant on one account; for a team with the people it reaches."""

    grant: Grant
    members: list[User] = field(default_factory=list)


def account_holdings(account: SocialAccount) -> list[Holding]:
    """Who holds which level here just now, highest level first. Two queries."""
    grants = (
        Grant.objects.in_force()
        .filter(account=account)
        .select_related("user", "team", "given_by", "account")
    )
    ranks = {level.value: rank for rank, level in enumerate(Level)}
    ordered = sorted(grants, key=lambda g: (-ranks[g.level], g.holder.casefold(), g.pk))
    groups = [g.team.group_id for g in ordered if g.team]
    members = _members_by_group(groups) if groups else {}
    return [Holding(g, members.get(g.team.group_id, []) if g.team else []) for g in ordered]


def _members_by_group(group_ids: Iterable[int]) -> dict[int, list[User]]:
    found: dict[int, list[User]] = {}
    rows = User.groups.through.objects.filter(
        group_id__in=group_ids, user__is_active=True
    ).select_related("user")
    for row in rows.order_by("user__full_name", "user_id"):
        found.setdefault(row.group_id, []).append(row.user)
    return found


def people_by_role() -> list[User]:
    """Who may do something to every account through an organisation role."""
    roles = Q(is_administrator=True) | Q(is_auditor=True)
    return list(User.objects.filter(roles, is_active=True))


def level_words() -> dict[str, str]:
    """For every level a sentence that says what it may do, built on the level below it."""
    words: dict[str, str] = {}
    below: Level | None = None
    for level in Level:
        held = CAPABILITIES[level] - (CAPABILITIES[below] if below else frozenset())
        new = "; ".join(c.label[:1].lower() + c.label[1:] for c in Capability if c in held)
        if below:
            article = "an" if below is Level.APPROVER else "a"
            words[level.value] = f"What {article} {below.label.lower()} may, and: {new}."
        else:
            words[level.value] = f"{new[:1].upper()}{new[1:]}."
        below = level
    return words

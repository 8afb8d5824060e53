"""Accounts a person may see, and who can do what on one of them."""

from __future__ import annotations

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.levels import CAPABILITIES, Capability, Level, OrgCapability
from accounts.models import Grant, Lockdown, LockdownState, SocialAccount, User
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


def account_holdings(account: SocialAccount) -> list[Grant]:
    """Who holds which level here just now, highest level first; `people`: how many in the team."""
    members = User.objects.filter(groups=OuterRef("team__group"), is_active=True).order_by()
    count = Subquery(members.values("groups").annotate(n=Count("pk")).values("n"))
    grants = (
        Grant.objects.in_force()
        .filter(account=account)
        .select_related("user", "team", "given_by", "account")
        .annotate(people=Coalesce(count, 0))
    )
    ranks = {level.value: rank for rank, level in enumerate(Level)}
    return sorted(grants, key=lambda g: (-ranks[g.level], g.holder.casefold(), g.pk))


def lockdown_told(account: SocialAccount) -> Lockdown | None:
    """The lockdown its page tells of: until it is connected anew and the old tokens are gone."""
    latest = account.lockdowns.select_related("began_by").defer("secret", "session").first()
    if latest is None or (account.is_connected and latest.state != LockdownState.ASKING):
        return None
    return latest


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

"""Who may see which events, from the policy."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.levels import Capability, OrgCapability
from accounts.models import SocialAccount, User
from accounts.policy import accounts_where, decide_org
from audit.actions import NotAllowed
from audit.actors import Actor
from audit.models import Event
from audit.selectors.events import Scope, event_exists, event_get
from scheduling.selectors.story import posts_on


def scope_of(actor: Actor) -> tuple[Scope, Sequence[SocialAccount]]:
    """What the actor may see of the record, and the accounts to choose from.

    Whoever may read the record sees all of it; others the events of the accounts they may view.
    Raises NotAllowed when that is nothing.
    """
    accounts = accounts_where(actor, Capability.VIEW)
    if decide_org(actor, OrgCapability.RECORD):
        return Scope(posts_on, account_ids=None), list(SocialAccount.objects.all())
    mine = list(accounts)
    if not mine:
        raise NotAllowed(
            "The record is open to auditors, and to everybody with a level on an account for the "
            "part that is about that account."
        )
    return Scope(posts_on, frozenset(account.pk for account in mine)), mine


def people_of(scope: Scope) -> QuerySet[User]:
    """Whom one may filter by: everybody, or whoever has or had a level on one's accounts."""
    if scope.account_ids is None:
        return User.objects.all()
    theirs = Q(grants__account__in=scope.account_ids)
    as_team = Q(groups__team__grants__account__in=scope.account_ids)
    wrote = Q(posts__deliveries__account__in=scope.account_ids)
    return User.objects.filter(theirs | as_team | wrote).distinct()


def event_or_refuse(scope: Scope, event_id: int) -> Event:
    """One event within the scope. Raises Http404, and NotAllowed where it is outside."""
    found = event_get(scope, event_id)
    if found is None:
        if not event_exists(event_id):
            raise Http404
        raise NotAllowed("This line is about an account that is not yours to see.", hidden=True)
    return found

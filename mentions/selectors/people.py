"""Who conversations of an account may be given to."""

from __future__ import annotations

from django.db.models import Q

from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import decide, people_with
from audit.actors import Actor


def may_be_assigned(user: User, account: SocialAccount) -> bool:
    """Whether `user` may view `account` at this moment, as the policy says."""
    return bool(decide(Actor.person(user), Capability.VIEW, account))


def assignable(account: SocialAccount, text: str = "", limit: int = 12) -> list[User]:
    """People with a level on `account`, by name; `text` is part of a name or address. One query.

    Auditors are left out: they read everything and answer nothing.
    """
    people = people_with(Capability.VIEW, account)
    if text:
        people = people.filter(Q(full_name__icontains=text) | Q(email__icontains=text))
    return list(people.order_by("full_name", "pk")[:limit])

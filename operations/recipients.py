"""Who is told of an alert: those who work with the account, and the places that were set up."""

from __future__ import annotations

from functools import cache

from django.conf import settings

from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import decide, people_with
from audit.actors import Actor
from operations.models import Alert, Destination


def target_of(who: User | Destination | str) -> str:
    """The name under which messages to somebody wait; a word is an e-mail address."""
    if isinstance(who, User):
        return f"user:{who.pk}"
    return f"destination:{who.pk}" if isinstance(who, Destination) else f"address:{who}"


def user_behind(target: str) -> User | None:
    """The person of a target, if they still want to be told and may be.

    A target of the kind 'person' is told whatever they have set: it is about somebody's access.
    """
    kind, _, key = target.partition(":")
    if kind not in ("user", "person"):
        return None
    here = User.objects.filter(is_active=True, frozen_at=None, pk=key)
    return (here.filter(alert_emails=True) if kind == "user" else here).first()


def destination_behind(target: str) -> Destination | None:
    kind, _, key = target.partition(":")
    return Destination.objects.filter(pk=key).first() if kind == "destination" else None


class Recipients:
    """Answers for many alerts; what concerns an account is looked up once."""

    def __init__(self) -> None:
        self._destinations = [
            (place, {account.pk for account in place.accounts.all()})
            for place in Destination.objects.prefetch_related("accounts")
        ]
        self._managers = cache(_managers)
        self._may_see = cache(_may_see)

    def of(self, alert: Alert) -> set[str]:
        """The targets of one alert: people, destinations, addresses of the settings."""
        if alert.people:
            targets = {f"person:{pk}" for pk in alert.people}
        else:
            targets = {target_of(address) for address in settings.ALERT_EMAILS}
            targets |= {target_of(user) for user in self._people(alert)}
        for place, accounts in self._destinations:
            if alert.kind in place.kinds and (not accounts or alert.account_id in accounts):
                targets.add(target_of(place))
        return targets

    def _people(self, alert: Alert) -> set[User]:
        if alert.account is None:
            return set(self._managers(None))
        people = set(self._managers(alert.account))
        author = alert.delivery.post.author if alert.delivery else None
        if author and author.alert_emails and self._may_see(author, alert.account):
            people.add(author)
        return people


def _managers(account: SocialAccount | None) -> frozenset[User]:
    """Those who look after an account; what concerns none, administrators look after."""
    if account is None:
        people = User.objects.filter(is_administrator=True, is_active=True, frozen_at=None)
    else:
        people = people_with(Capability.MANAGE, account)
    return frozenset(people.filter(alert_emails=True))


def _may_see(user: User, account: SocialAccount) -> bool:
    return bool(decide(Actor.person(user), Capability.VIEW, account))

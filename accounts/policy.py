"""The one place that decides who may do what.

`decide` answers for one account, `accounts_where` the same question as a queryset; both are built
from the same pieces, and a test proves that they agree. No grant at all is hidden (404); too low
a level is refused with a reason (403).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.levels import CAPABILITIES, ON_FROZEN, Capability, Level, OrgCapability, lowest_level
from accounts.models import (
    SocialAccount,
    SocialAccountGroupObjectPermission,
    SocialAccountUserObjectPermission,
    User,
)
from accounts.models.access import in_force_q, without_lapsed
from accounts.rights import (
    NOTHING,
    Held,
    given_by_grants,
    given_until,
    held_by_account,
    held_on,
)
from audit.actions import Needs, NotAllowed
from audit.actors import Actor, ActorKind


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or refused, with a reason a person can read. `hidden`: as if it did not exist."""

    allowed: bool
    reason: str = ""
    hidden: bool = False

    def __bool__(self) -> bool:
        return self.allowed


ALLOWED = Decision(True)
NO_SUCH = Decision(False, "There is no such account, or it is not yours to see.", hidden=True)

ROLE_CAPABILITIES: dict[str, frozenset[OrgCapability]] = {
    "is_administrator": frozenset(OrgCapability) - {OrgCapability.RECORD},
    "is_auditor": frozenset({OrgCapability.RECORD}),
    "is_evidence_officer": frozenset(),
}


def standing(user: User) -> Decision:
    """Whether the person may do anything at all just now, whatever their levels."""
    if not user.is_active:
        return Decision(False, "This person has left: their sign-in is closed.")
    if user.is_frozen:
        return Decision(False, "This person's access is frozen. An administrator can lift it.")
    if settings.REQUIRE_MFA and not _has_mfa(user):
        return Decision(False, "Multi-factor sign-in has to be set up first.")
    return ALLOWED


def decide(actor: Actor, capability: Capability, account: SocialAccount) -> Decision:
    """May `actor` do `capability` to `account` at this moment? One query for a person."""
    if actor.kind is ActorKind.COMMAND:
        return _decide_command(capability)
    if actor.kind is not ActorKind.PERSON:
        return Decision(False, f"The {actor.kind.value} {actor.label!r} has no levels on accounts.")
    user: User = actor.user
    good = standing(user)
    if not good:
        return good
    return _decide_held(user, capability, account, _held_on(user, account))


def _decide_held(
    user: User, capability: Capability, account: SocialAccount, found: Held
) -> Decision:
    held = found.capabilities
    if capability not in held and found.lapsed:
        return Decision(False, _lapsed(user, capability, found, account))
    if not held:
        return NO_SUCH
    if capability not in held:
        return Decision(False, _too_low(capability, held, account))
    if capability not in ON_FROZEN:
        if account.is_frozen:
            return Decision(False, f"{account} is frozen: {account.frozen_reason}")
        if not account.is_connected:
            return Decision(False, f"{account} is disconnected.")
    return ALLOWED


class Rights:
    """What one actor may do to a set of accounts, decided without further queries.

    For pages that ask about many accounts: two queries, however many accounts there are.
    """

    def __init__(self, actor: Actor, accounts: Iterable[SocialAccount]) -> None:
        self.actor = actor
        ids = [account.pk for account in accounts]
        self._known = frozenset(ids)
        self._person = actor.kind is ActorKind.PERSON
        self._standing = standing(actor.user) if self._person else ALLOWED
        self._held = _held_by_account(actor.user, ids) if self._person and self._standing else {}

    def decide(self, capability: Capability, account: SocialAccount) -> Decision:
        """The same answer as `decide`; asks the database only about accounts not named before."""
        if not self._person or account.pk not in self._known:
            return decide(self.actor, capability, account)
        if not self._standing:
            return self._standing
        found = self._held.get(account.pk, NOTHING)
        return _decide_held(self.actor.user, capability, account, found)


def accounts_where(actor: Actor, capability: Capability) -> QuerySet[SocialAccount]:
    """The accounts for which `decide` says yes, as a queryset."""
    accounts = SocialAccount.objects.all()
    if actor.kind is ActorKind.COMMAND:
        return accounts if _decide_command(capability) else accounts.none()
    if actor.kind is not ActorKind.PERSON or not standing(actor.user):
        return accounts.none()
    if not _by_role(actor.user, capability):
        accounts = accounts.filter(given_by_grants(actor.user, capability))
    if capability not in ON_FROZEN:
        accounts = accounts.filter(frozen_at__isnull=True, disconnected_at__isnull=True)
    return accounts


def capabilities_on(user: User, account: SocialAccount) -> frozenset[Capability]:
    """What roles, grants and teams give `user` on `account`, before freezes are looked at; nothing
    by levels that have lapsed."""
    return _held_on(user, account).capabilities


def capabilities_by_account(
    user: User, account_ids: Iterable[int] | None = None
) -> dict[int, frozenset[Capability]]:
    """The same for many accounts in one query; None: all on which grants give anything."""
    found = _held_by_account(user, account_ids)
    return {pk: held.capabilities for pk, held in found.items() if held.capabilities}


def _held_on(user: User, account: SocialAccount) -> Held:
    return _with_roles(user, held_on(user, account.pk))


def _held_by_account(user: User, account_ids: Iterable[int] | None) -> dict[int, Held]:
    if account_ids is None:
        return held_by_account(user, None)
    ids = list(account_ids)
    found = held_by_account(user, ids)
    return {pk: _with_roles(user, found.get(pk, NOTHING)) for pk in ids}


def _with_roles(user: User, held: Held) -> Held:
    by_role = frozenset(c for c in Capability if _by_role(user, c))
    return Held(held.capabilities | by_role, held.lapsed) if by_role else held


def right_ends(user: User, capability: Capability, account: SocialAccount) -> datetime | None:
    """When `user` loses the capability as things stand, by the date of the last grant that gives it
    or by a condition of its level. None: no end is in sight, or they have not got it."""
    return given_until(user, capability, account.pk)


def accounts_pausable(actor: Actor) -> QuerySet[SocialAccount]:
    """The accounts on which `actor` may hold everything back, and end that; frozen ones, too."""
    if decide_org(actor, OrgCapability.ACCOUNTS):
        return SocialAccount.objects.all()
    if actor.kind is not ActorKind.PERSON or not standing(actor.user):
        return SocialAccount.objects.none()
    return SocialAccount.objects.filter(given_by_grants(actor.user, Capability.APPROVE))


def decide_pause(actor: Actor, accounts: QuerySet[SocialAccount] | None) -> Decision:
    """May `actor` hold everything back that these accounts would send, and end that again?

    None: the whole desk. It takes an approver of one of them, or an administrator: whoever can
    stop a single post in a crisis can stop all, since a wrong stop is ended by a click and a
    wrong post is not.
    """
    if actor.kind is ActorKind.PERSON and not standing(actor.user):
        return standing(actor.user)
    mine = accounts_pausable(actor)
    if (mine if accounts is None else mine.filter(pk__in=accounts.values("pk"))).exists():
        return ALLOWED
    if accounts is not None:
        seen = accounts_where(actor, Capability.VIEW)
        if not seen.filter(pk__in=accounts.values("pk")).exists():
            return NO_SUCH
    level = lowest_level(Capability.APPROVE).label.lower()
    return Decision(False, f"This needs the level {level} on at least one of the accounts.")


def decide_review(actor: Actor, account: SocialAccount) -> Decision:
    """May `actor` confirm or remove the account's levels in a review of access? Its owner may, too,
    whatever their level."""
    if actor.kind is ActorKind.PERSON and account.owner_id == actor.id and standing(actor.user):
        return ALLOWED
    return decide(actor, Capability.MANAGE, account)


def decide_connect(actor: Actor, account: SocialAccount | None) -> Decision:
    """May `actor` connect accounts of the organisation, or reconnect this one?"""
    verdict = decide_org(actor, OrgCapability.ACCOUNTS)
    if verdict or account is None:
        return verdict
    return decide(actor, Capability.MANAGE, account)


def require_connect(actor: Actor, account: SocialAccount | None) -> None:
    """Raise NotAllowed unless `decide_connect` says yes."""
    _raise_unless(decide_connect(actor, account))


def accounts_answered_for(actor: Actor) -> QuerySet[SocialAccount]:
    """The accounts whose levels the person is asked about: those they own, and those they manage by
    a level. What an administrator may do anywhere is nobody's task."""
    if actor.kind is not ActorKind.PERSON or not standing(actor.user):
        return SocialAccount.objects.none()
    mine = Q(owner=actor.user) | given_by_grants(actor.user, Capability.MANAGE)
    return SocialAccount.objects.filter(mine)


def people_with(capability: Capability, account: SocialAccount) -> QuerySet[User]:
    """Whom grants in force give `capability` on the account; the frozen and leavers are left out.

    Roles are not looked at: this is for telling those who work with the account.
    """
    this = {"content_object": account, "permission__codename": capability.value}
    in_force, of_grant = in_force_q("grant__"), {"level": "grant__level"}
    rights = SocialAccountUserObjectPermission.objects.filter(in_force, user=OuterRef("pk"), **this)
    team = SocialAccountGroupObjectPermission.objects.filter(
        in_force, group__user_set=OuterRef("pk"), **this
    )
    limits = OuterRef("level_limits")
    return User.objects.filter(
        Q(Exists(without_lapsed(rights, limits=limits, **of_grant)))
        | Q(Exists(without_lapsed(team, limits=limits, **of_grant))),
        is_active=True,
        frozen_at=None,
    )


def decide_org(actor: Actor, capability: OrgCapability) -> Decision:
    """May `actor` do something for the whole organisation?"""
    if actor.kind is ActorKind.COMMAND:
        return ALLOWED
    if actor.kind is not ActorKind.PERSON:
        return Decision(False, "Only a person or a command may do this.")
    good = standing(actor.user)
    if not good:
        return good
    if capability in org_capabilities(actor.user):
        return ALLOWED
    return Decision(False, f"This needs a role you do not have ({capability.label.lower()}).")


def org_capabilities(user: User) -> frozenset[OrgCapability]:
    """What the person's organisation roles allow."""
    held: frozenset[OrgCapability] = frozenset()
    for flag, capabilities in ROLE_CAPABILITIES.items():
        if getattr(user, flag):
            held |= capabilities
    return held


def require(actor: Actor, capability: Capability, account: SocialAccount) -> None:
    """Raise NotAllowed unless `decide` says yes; for reading, where no action is under way."""
    _raise_unless(decide(actor, capability, account))


def require_org(actor: Actor, capability: OrgCapability) -> None:
    """Raise NotAllowed unless `decide_org` says yes."""
    _raise_unless(decide_org(actor, capability))


# --- for @action(needs=…) ---------------------------------------------------------------------


def on_account(capability: Capability, account: str = "account") -> Needs:
    """Needs `capability` on the account at `account`, a dotted path into the arguments."""
    path = account.split(".")

    def needs(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
        target = arguments[path[0]]
        for name in path[1:]:
            target = getattr(target, name)
        return decide(actor, capability, target)

    return needs


def on_account_or_org(
    capability: Capability, org: OrgCapability, account: str = "account"
) -> Needs:
    """Needs `capability` on the account, or else `org`."""
    first = on_account(capability, account)

    def needs(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
        if decide_org(actor, org):
            return ALLOWED
        verdict = first(actor, arguments)
        assert isinstance(verdict, Decision)
        return verdict

    return needs


def organisation(capability: OrgCapability) -> Needs:
    """Needs an organisation role."""
    return lambda actor, _: decide_org(actor, capability)


def by(*kinds: ActorKind) -> Needs:
    """Only actors of these kinds: for what workers, commands and platforms do by themselves."""

    def needs(actor: Actor, _: Mapping[str, Any]) -> Decision:
        if actor.kind in kinds:
            return ALLOWED
        return Decision(False, "Only Socialdesk itself does this.")

    return needs


def decided_inside(actor: Actor, _: Mapping[str, Any]) -> Decision:
    """For actions made of transitions, each of which asks the policy itself."""
    if actor.kind is ActorKind.PERSON:
        return standing(actor.user)
    return ALLOWED


def by_condition(condition: Callable[[Actor, Mapping[str, Any]], Decision]) -> Needs:
    """A rule of the service's own, for what neither levels nor roles say."""
    return condition


# --- pieces -------------------------------------------------------------------------------------


def _raise_unless(decision: Decision) -> None:
    if not decision:
        raise NotAllowed(decision.reason, hidden=decision.hidden)


def _decide_command(capability: Capability) -> Decision:
    """Whoever has the server's shell may manage accounts, but never speaks as nobody."""
    if capability in ON_FROZEN:
        return ALLOWED
    return Decision(False, "A command has to say as which person it acts.")


def _by_role(user: User, capability: Capability) -> bool:
    if capability is Capability.VIEW:
        return user.is_auditor
    if capability is Capability.MANAGE:
        return user.is_administrator
    return False


def _too_low(capability: Capability, held: frozenset[Capability], account: SocialAccount) -> str:
    needed = lowest_level(capability).label.lower()
    had = [level for level in Level if CAPABILITIES[level] <= held]
    yours = f"you have {had[-1].label.lower()}" if had else "you have no level on it"
    return f"This needs the level {needed} on {account}; {yours}."


def _lapsed(user: User, capability: Capability, found: Held, account: SocialAccount) -> str:
    """What would be allowed if conditions were met, and which; else that the level is too low."""
    enough = [level for level in Level if level in found.lapsed]
    enough = [level for level in enough if capability in CAPABILITIES[level]]
    if not enough:
        return _too_low(capability, found.capabilities, account)
    level = enough[0]
    why = user.level_limits[level]["why"]
    return (
        f"The level {level.label.lower()} on {account} has lapsed: {why}. "
        "‘Your conditions’, under Settings, says what to do."
    )


def _has_mfa(user: User) -> bool:
    from allauth.mfa.models import Authenticator

    # Asked several times while one page is made; like `frozen_at`, it is as old as the row.
    if "_has_mfa" not in user.__dict__:
        own = Authenticator.objects.filter(user=user).exclude(type="recovery_codes")
        user.__dict__["_has_mfa"] = own.exists()
    return bool(user.__dict__["_has_mfa"])

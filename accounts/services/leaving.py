"""A person leaves: one act that ends everything."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.errors import Invalid
from accounts.hooks import person_left, rights_changed
from accounts.levels import OrgCapability
from accounts.models import SocialAccount, User
from accounts.policy import organisation
from accounts.selectors.leaving import Ending, ending_of, leaving_problem
from accounts.services.people import ROLES
from audit.actions import action, record
from audit.actors import Actor


@action("person.left", needs=organisation(OrgCapability.PEOPLE))
def user_leave(*, actor: Actor, user: User, reason: str, heir: User | None = None) -> User:
    """Close a leaver's access: sign-in, sessions, second factors, levels, teams and roles end, what
    they queued is held, their conversations are nobody's. One event says what was ended.

    `heir` becomes the owner of the accounts they own; without one these keep their owner's name.
    Raises Invalid.
    """
    # Two administrators who close each other's access at once would leave nobody.
    list(User.objects.select_for_update().filter(is_administrator=True).order_by("pk"))
    user.refresh_from_db()
    problem = leaving_problem(actor, user)
    if problem:
        raise Invalid("", problem)
    if heir is not None and (heir.pk == user.pk or not heir.is_active):
        raise Invalid("heir", "Name somebody who stays.")
    ended = ending_of(user)
    _end(user, ended, heir)
    user.is_active = False
    for role in ROLES:
        setattr(user, role, False)
    user.set_unusable_password()  # sessions and links to a new password hang on it, too
    user.save()
    why = f"{user} has left."
    held = rights_changed.send(User, actor=actor, account=None, user=user, reason=why)
    left = person_left.send(User, actor=actor, user=user)
    record("person.left", subject=user, data=_said(reason, ended, heir, [*held, *left]))
    return user


def _end(user: User, ended: Ending, heir: User | None) -> None:
    now = timezone.now()
    for grant in ended.grants:
        grant.drop_rights()
        grant.ended_at = now
        grant.save(update_fields=["ended_at"])
    user.groups.clear()
    Session.objects.filter(session_key__in=ended.sessions).delete()
    Authenticator.objects.filter(user=user).delete()
    if heir is not None:
        SocialAccount.objects.filter(owner=user).update(owner=heir)


def _said(
    reason: str, ended: Ending, heir: User | None, answers: list[tuple[Any, Any]]
) -> dict[str, Any]:
    said: dict[str, Any] = {
        "reason": reason.strip(),
        "ended": ended.grants,
        "teams": ended.teams,
        "roles": ended.roles,
        "sessions": len(ended.sessions),
        "factors": ended.factors,
        "owned": ended.owned,
        "new_owner": heir,
    }
    for _, answer in answers:
        said |= answer or {}
    return said

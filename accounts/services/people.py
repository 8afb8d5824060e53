"""People: inviting, freezing, roles."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.core.validators import validate_email
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.conditions import limits_refresh
from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import OrgCapability
from accounts.models import Invitation, Team, User
from accounts.moments import known_zones
from accounts.policy import Decision, by, decide_org, organisation
from accounts.selectors.leaving import NOBODY_LEFT, other_administrators
from audit.actions import action, record
from audit.actors import Actor, ActorKind

_PEOPLE = organisation(OrgCapability.PEOPLE)
ROLES = ("is_administrator", "is_auditor", "is_evidence_officer")


@action("person.invited", needs=_PEOPLE)
def user_invite(
    *,
    actor: Actor,
    email: str,
    full_name: str,
    roles: Iterable[str] = (),
    teams: Iterable[Team] = (),
    send: bool = True,
) -> tuple[Invitation, str]:
    """Invite a person; returns the invitation and its link. Raises Invalid.

    The link is returned only for a command to print; it is nowhere kept. An earlier invitation
    of the same address is withdrawn. Raises OSError when the invitation stands but its e-mail
    could not be sent.
    """
    email = email.strip().lower()
    _check_invited(email, full_name)
    Invitation.objects.filter(email__iexact=email, accepted_at=None, withdrawn_at=None).update(
        withdrawn_at=timezone.now()
    )
    token = secrets.token_urlsafe(32)
    chosen = {role: role in set(roles) for role in ROLES}
    invitation = Invitation.objects.create(
        email=email,
        full_name=full_name.strip(),
        token_hash=Invitation.hash_of(token),
        invited_by=actor.user,
        expires_at=timezone.now() + timedelta(days=settings.INVITATION_DAYS),
        **chosen,
    )
    invitation.teams.set(teams)
    record(
        "person.invited",
        subject=invitation,
        data={"email": email, "roles": [r for r in ROLES if chosen[r]], "teams": list(teams)},
    )
    link = f"{settings.BASE_URL}/people/join/{token}/"
    if send:
        context = {"invitation": invitation, "link": link, "organisation": settings.ORGANISATION}
        body = render_to_string("accounts/email/invitation.txt", context)
        subject = f"Your sign-in to Socialdesk at {settings.ORGANISATION}"
        transaction.on_commit(lambda: send_mail(subject, body, None, [email]))
    return invitation, link


@action("invitation.withdrawn", needs=_PEOPLE)
def invitation_withdraw(*, actor: Actor, invitation: Invitation) -> None:
    """Make an invitation's link useless. Raises Invalid."""
    if not invitation.is_open:
        raise Invalid("", "This invitation is no longer open.")
    invitation.withdrawn_at = timezone.now()
    invitation.save(update_fields=["withdrawn_at"])
    record("invitation.withdrawn", subject=invitation)


@action("person.joined", needs=by(ActorKind.ANONYMOUS))
def invitation_accept(*, actor: Actor, token: str, full_name: str, password: str) -> User:
    """Turn an open invitation into a person, once. Raises Invalid."""
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .filter(token_hash=Invitation.hash_of(token))
        .first()
    )
    if invitation is None or not invitation.is_open:
        raise Invalid("", "This invitation is no longer open. Ask for a new one.")
    if User.objects.filter(email__iexact=invitation.email).exists():
        raise Invalid("", "Somebody with this e-mail address is already here.")
    user = User(
        email=invitation.email,
        full_name=full_name.strip() or invitation.full_name,
        **{role: getattr(invitation, role) for role in ROLES},
    )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid("password", " ".join(error.messages)) from None
    user.set_password(password)
    user.save()
    teams = list(invitation.teams.select_related("group"))
    user.groups.set(team.group for team in teams)
    limits_refresh([user])
    invitation.accepted_at = timezone.now()
    invitation.save(update_fields=["accepted_at"])
    roles = [role for role in ROLES if getattr(user, role)]
    data = {"email": user.email, "roles": roles, "teams": teams}
    record("person.joined", subject=user, data=data)
    return user


@action("person.changed", needs=_PEOPLE)
def user_change_roles(*, actor: Actor, user: User, roles: Iterable[str]) -> User:
    """Set a person's organisation roles. Raises Invalid when nobody would administer."""
    wanted = set(roles)
    before = [role for role in ROLES if getattr(user, role)]
    if not user.is_active:
        raise Invalid("", f"{user} has left.")
    if actor.kind is ActorKind.PERSON and actor.id == user.pk and wanted - set(before):
        raise Invalid("roles", "Nobody gives themselves a role. Ask another administrator.")
    if user.is_administrator and "is_administrator" not in wanted:
        _keep_an_administrator(user)
    for role in ROLES:
        setattr(user, role, role in wanted)
    user.save(update_fields=list(ROLES))
    record("person.changed", subject=user, data={"before": before, "after": sorted(wanted)})
    rights_changed.send(
        User, actor=actor, account=None, user=user, reason=f"The roles of {user} were changed."
    )
    return user


def _self(actor: Actor, arguments: object) -> Decision:
    user = arguments["user"]  # type: ignore[index]  # a mapping, as Needs says
    if actor.kind is ActorKind.PERSON and actor.id == user.pk:
        return Decision(True)
    return decide_org(actor, OrgCapability.PEOPLE)


@action("person.changed", needs=_self)
def user_change_profile(
    *, actor: Actor, user: User, full_name: str, time_zone: str, alert_emails: bool | None = None
) -> User:
    """Change a person's own name, zone ('' : the organisation's) and wish for alerts by e-mail.

    Raises Invalid.
    """
    if not full_name.strip():
        raise Invalid("full_name", "Enter a name: it stands beside everything that is done here.")
    if time_zone and time_zone not in known_zones():
        raise Invalid(
            "time_zone", f"{time_zone!r} is no time zone. Write for example Europe/London."
        )
    new = {
        "full_name": full_name.strip(),
        "time_zone": time_zone,
        "alert_emails": user.alert_emails if alert_emails is None else alert_emails,
    }
    before = {name: getattr(user, name) for name in new}
    for name, value in new.items():
        setattr(user, name, value)
    user.save(update_fields=list(new))
    record("person.changed", subject=user, data={"before": before, "after": new})
    return user


@action("person.frozen", needs=_PEOPLE)
def user_freeze(*, actor: Actor, user: User, reason: str) -> User:
    """Stop a person at once: no page, no post of theirs goes out. Raises Invalid."""
    if not reason.strip():
        raise Invalid("reason", "Say why; it goes on record.")
    if actor.id == user.pk and actor.kind is ActorKind.PERSON:
        raise Invalid("", "You cannot freeze yourself.")
    if not user.is_active:
        raise Invalid("", f"{user} has left; there is nothing to freeze.")
    if user.is_frozen:
        raise Invalid("", f"{user} is frozen already: {user.frozen_reason}")
    user.frozen_at, user.frozen_by, user.frozen_reason = timezone.now(), actor.user, reason.strip()
    user.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record("person.frozen", subject=user, data={"reason": user.frozen_reason})
    rights_changed.send(
        User, actor=actor, account=None, user=user, reason=f"{user} is frozen: {reason.strip()}"
    )
    return user


@action("person.unfrozen", needs=_PEOPLE)
def user_unfreeze(*, actor: Actor, user: User) -> User:
    """Lift a person's freeze. What was held stays held until somebody releases it.

    Raises Invalid.
    """
    if not user.is_frozen:
        raise Invalid("", f"{user} is not frozen.")
    user.frozen_at, user.frozen_by, user.frozen_reason = None, None, ""
    user.save(update_fields=["frozen_at", "frozen_by", "frozen_reason"])
    record("person.unfrozen", subject=user)
    return user


def _check_invited(email: str, full_name: str) -> None:
    try:
        validate_email(email)
    except ValidationError:
        raise Invalid("email", "Enter an e-mail address like name@example.org.") from None
    if not full_name.strip():
        raise Invalid("full_name", "Enter the person's name.")
    known = User.objects.filter(email__iexact=email).first()
    if known is not None:
        here = "and is already here" if known.is_active else "and has left"
        raise Invalid("email", f"{known} has this e-mail address {here}.")


def _keep_an_administrator(user: User) -> None:
    if not other_administrators(user):
        raise Invalid("", NOBODY_LEFT)

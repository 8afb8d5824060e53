"""Teams and who is in them."""

from __future__ import annotations

from django.contrib.auth.models import Group

from accounts import events  # noqa: F401  # declares them
from accounts.errors import Invalid
from accounts.hooks import rights_changed
from accounts.levels import OrgCapability
from accounts.models import Team, User
from accounts.policy import organisation
from audit.actions import action, record
from audit.actors import Actor, ActorKind

_PEOPLE = organisation(OrgCapability.PEOPLE)


def _checked_name(name: str, *, other_than: int | None = None) -> str:
    name = name.strip()
    if not name:
        raise Invalid("name", "Give the team a name.")
    if Team.objects.filter(name__iexact=name).exclude(pk=other_than or 0).exists():
        raise Invalid("name", "There is a team of this name already.")
    return name


@action("team.created", needs=_PEOPLE)
def team_create(*, actor: Actor, name: str, purpose: str = "") -> Team:
    """A new, empty team. Raises Invalid."""
    name = _checked_name(name)
    group = Group.objects.create(name=f"team:{name}")
    team = Team.objects.create(name=name, purpose=purpose.strip(), group=group)
    record("team.created", subject=team)
    return team


@action("team.changed", needs=_PEOPLE)
def team_change(*, actor: Actor, team: Team, name: str, purpose: str) -> Team:
    """Rename a team or say what it is for. Raises Invalid."""
    before = {"name": team.name, "purpose": team.purpose}
    team.name, team.purpose = _checked_name(name, other_than=team.pk), purpose.strip()
    team.save(update_fields=["name", "purpose"])
    Group.objects.filter(pk=team.group_id).update(name=f"team:{team.name}")
    after = {"name": team.name, "purpose": team.purpose}
    record("team.changed", subject=team, data={"before": before, "after": after})
    return team


@action("team.member_added", needs=_PEOPLE)
def team_member_add(*, actor: Actor, team: Team, user: User) -> None:
    """Put a person into a team; they get its levels at once. Raises Invalid."""
    if not user.is_active:
        raise Invalid("person", f"{user} has left.")
    if actor.kind is ActorKind.PERSON and actor.id == user.pk:
        raise Invalid("person", "Nobody puts themselves into a team. Ask another administrator.")
    if user.groups.filter(pk=team.group_id).exists():
        raise Invalid("person", f"{user} is in this team already.")
    user.groups.add(team.group_id)
    record("team.member_added", subject=team, data={"person": user})


@action("team.member_removed", needs=_PEOPLE)
def team_member_remove(*, actor: Actor, team: Team, user: User) -> None:
    """Take a person out of a team; they lose its levels at once. Raises Invalid."""
    if not user.groups.filter(pk=team.group_id).exists():
        raise Invalid("person", f"{user} is not in this team.")
    user.groups.remove(team.group_id)
    record("team.member_removed", subject=team, data={"person": user})
    rights_changed.send(
        Team, actor=actor, account=None, user=user, reason=f"{user} left the team {team}."
    )

"""The life of an account and of a person's rights: what is on record of them, as time lines.

What the record says is put beside the rows that grants leave behind: a level that ran out or went
with its holder has no line of its own, and is a step all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts.models import Grant, SocialAccount, Team, User
from audit.models import Event
from audit.selectors.events import Cursor, Page
from audit.selectors.strands import strands_page
from audit.telling import Fact, facts, pruned, told

MEMBERSHIP = ("team.member_added", "team.member_removed")
PAUSES = ("pause.begun", "pause.ended")
MOVES_MAX = 1_000
"""A person's changes of teams that are looked at."""
LOOKS: dict[str, tuple[str, str]] = {
    "grant.given": ("key", "teal"),
    "grant.changed": ("key", "blue"),
    "grant.ended": ("lock", "amber"),
    "grant.confirmed": ("check", "teal"),
    "grant.lapsed": ("hourglass", "amber"),
    "level.lapsed": ("hourglass", "amber"),
    "account.connected": ("plug", "green"),
    "account.reconnected": ("plug", "green"),
    "account.disconnected": ("plug-off", "red"),
    "account.frozen": ("snowflake", "violet"),
    "account.unfrozen": ("sun", "blue"),
    "account.changed": ("edit", "grey"),
    "account.health_changed": ("activity", "amber"),
    "person.invited": ("mail-opened", "grey"),
    "person.joined": ("user-check", "green"),
    "person.changed": ("shield", "indigo"),
    "person.frozen": ("snowflake", "violet"),
    "person.unfrozen": ("sun", "blue"),
    "person.left": ("user-off", "red"),
    "team.member_added": ("users", "teal"),
    "team.member_removed": ("users", "amber"),
    "mfa.changed": ("fingerprint", "grey"),
    "password.changed": ("lock", "grey"),
    "pause.begun": ("player-pause", "violet"),
    "pause.ended": ("player-play", "blue"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `event` 0: it follows from the level itself and has no line in the record."""

    at: datetime
    said: str
    icon: str
    tone: str
    facts: Sequence[Fact] = ()
    grants: Sequence[Grant] = ()  # levels that came or went with it
    came: bool = True
    event: int = 0


@dataclass(frozen=True, slots=True)
class Life:
    """Some steps, the newest first, and where the older ones begin."""

    steps: Sequence[Step]
    older: Cursor | None
    beyond: bool


@dataclass(frozen=True, slots=True)
class Stay:
    """A time in a team. `until` None: it lasts."""

    team_id: int
    since: datetime
    until: datetime | None


def account_life(account: SocialAccount, before: Cursor | None = None) -> Life:
    """Connections, levels, freezes and changes of an account. Four queries."""
    grants = list(Grant.objects.filter(account=account).select_related("user", "team", "account"))
    page = strands_page(
        [
            Q(subject_type="accounts.socialaccount", subject_id=str(account.pk)),
            _of_grants(grants),
            Q(name__in=PAUSES, account_id=account.pk),
        ],
        before=before,
    )
    steps = [_step(event, pruned(event.data, [account.pk])) for event in page.events]
    return _life(page, before, steps, _ends(grants))


def person_life(user: User, before: Cursor | None = None) -> Life:
    """Everything that gave a person rights or took them, from the invitation on. Eight queries."""
    own = list(Grant.objects.filter(user=user).select_related("user", "team", "account"))
    stays = stays_of(user)
    of_teams = list(
        Grant.objects.filter(team__in={stay.team_id for stay in stays}).select_related(
            "user", "team", "account"
        )
    )
    page = strands_page(
        [
            Q(subject_type="accounts.user", subject_id=str(user.pk))
            & ~Q(name__startswith="session."),
            _invited(user),
            _of_grants(own),
            Q(name__in=MEMBERSHIP, data__person__id=user.pk),
            *(_during(stay, of_teams) for stay in stays),
        ],
        before=before,
    )
    steps = [_with_team(_step(event, event.data), event, of_teams) for event in page.events]
    return _life(page, before, steps, _ends([*own, *of_teams], stays, user))


def stays_of(user: User) -> list[Stay]:
    """When the person was in which team. Three queries."""
    theirs = Event.objects.filter(name__in=MEMBERSHIP, data__person__id=user.pk)
    ordered = theirs.order_by("occurred_at", "id")
    moves = ordered.values_list("subject_id", "name", "occurred_at")
    here = set(Team.objects.filter(group__user_set=user).values_list("pk", flat=True))
    left = Event.objects.filter(
        name="person.left", subject_type="accounts.user", subject_id=str(user.pk)
    )
    gone = left.values_list("occurred_at", flat=True).first()
    since: dict[int, datetime] = {}
    stays: list[Stay] = []
    for team, name, at in moves[:MOVES_MAX]:
        if name == MEMBERSHIP[0]:
            since[int(team)] = at
        else:  # whoever was never put in came with the invitation
            stays.append(Stay(int(team), since.pop(int(team), user.date_joined), at))
    for team_id in here - since.keys():
        since[team_id] = user.date_joined
    ends = {team_id: None if team_id in here else gone for team_id in since}
    return stays + [Stay(team_id, at, ends[team_id]) for team_id, at in since.items()]


def _of_grants(grants: Iterable[Grant]) -> Q:
    return Q(subject_type="accounts.grant", subject_id__in=[str(grant.pk) for grant in grants])


def _invited(user: User) -> Q:
    """The line of the invitation, which came before there was such a person."""
    return Q(name="person.invited", data__email=user.email)


def _during(stay: Stay, grants: Iterable[Grant]) -> Q:
    """What happened to a team's levels while the person was in it."""
    during = Q(occurred_at__gte=stay.since)
    if stay.until is not None:
        during &= Q(occurred_at__lt=stay.until)
    return _of_grants(grant for grant in grants if grant.team_id == stay.team_id) & during


def _step(event: Event, data: Mapping[str, Any]) -> Step:
    icon, tone = LOOKS.get(event.name, ("history", "grey"))
    said = ("holder", "level") if event.name.startswith("grant.") else ()
    shown = facts({key: value for key, value in data.items() if key not in said})
    return Step(event.occurred_at, told(event).sentence, icon, tone, shown, event=event.pk)


def _with_team(step: Step, event: Event, grants: Iterable[Grant]) -> Step:
    """The step with the levels that a team gave or took by it."""
    if event.name not in MEMBERSHIP:
        return step
    held = [
        grant
        for grant in grants
        if str(grant.team_id) == event.subject_id and _held_at(grant, step.at)
    ]
    came = event.name == MEMBERSHIP[0]
    return Step(step.at, step.said, step.icon, step.tone, (), held, came, step.event)


def _held_at(grant: Grant, at: datetime) -> bool:
    end = _end(grant)
    return grant.given_at <= at and (end is None or end > at)


def _end(grant: Grant) -> datetime | None:
    return min((at for at in (grant.ended_at, grant.ends_at) if at), default=None)


def _ends(
    grants: Sequence[Grant], stays: Sequence[Stay] = (), user: User | None = None
) -> list[Step]:
    """Ends of levels of which there is no line: those that ran out, and those of leavers."""
    now = timezone.now()
    steps = []
    for grant in grants:
        end = _end(grant)
        if end is None or end > now:
            continue
        if user and grant.team_id and not any(_in(stay, grant, end) for stay in stays):
            continue
        what = f"{grant.get_level_display()} on {grant.account} for {grant.holder}"
        if grant.ends_at and end == grant.ends_at:
            steps.append(Step(end, f"{what} ran out", "hourglass", "amber"))
        elif grant.user is not None and not grant.user.is_active and not _replaced(grant, grants):
            steps.append(Step(end, f"{what} ended", "lock", "amber"))
    return steps


def _in(stay: Stay, grant: Grant, at: datetime) -> bool:
    return (
        stay.team_id == grant.team_id
        and stay.since <= at
        and (stay.until is None or at < stay.until)
    )


def _replaced(grant: Grant, grants: Iterable[Grant]) -> bool:
    """Whether the holder got another level in its place, which is on record."""
    return any(
        other.pk > grant.pk
        and (other.account_id, other.user_id) == (grant.account_id, grant.user_id)
        for other in grants
    )


def _life(page: Page, before: Cursor | None, steps: list[Step], ends: list[Step]) -> Life:
    """The steps of a page with the ends that fall between its first and its last."""
    newest = before.at if before else None
    oldest = page.older.at if page.older else None
    recorded = {(step.at.replace(microsecond=0)) for step in steps if step.tone == "amber"}
    between = [
        end
        for end in ends
        if (newest is None or end.at < newest)
        and (oldest is None or end.at >= oldest)
        and end.at.replace(microsecond=0) not in recorded
    ]
    every = sorted([*steps, *between], key=lambda step: (step.at, step.event), reverse=True)
    return Life(every, page.older, before is not None)

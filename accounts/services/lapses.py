"""Socialdesk's own part in the conditions: noting what lapsed and came back, and telling ahead."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone

from accounts import events  # noqa: F401  # declares them
from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.conditions import Lapsed, RunningOut, lapsed_now, limits_refresh, running_out
from accounts.hooks import rights_changed
from accounts.levels import Level
from accounts.models import Lapse, Notice, User
from accounts.moments import day_words
from accounts.policy import by
from accounts.selectors.conditions import managers_of
from audit.actions import action, record
from audit.actors import Actor, ActorKind

WATCHER = Actor.worker("conditions")
AT_ONCE = 200
"""So many lapses are noted in one transaction; the next are the next run's, a moment later."""
LEADS = (30, 7)
"""How many days ahead people are told."""
_WORKER = by(ActorKind.WORKER)


@action("level.lapsed", "level.restored", needs=_WORKER, may_find_nothing=True)
def lapses_look(*, actor: Actor, users: Iterable[User] | None = None) -> int:
    """Note which levels lapsed and which are in force again; what was queued by the former is held.

    `users`: of whom; None: of everybody. Returns how many lapses were noted.
    """
    who = None if users is None else list(users)
    gone = {(one.user_id, one.level): one for one in lapsed_now(who)}
    rows = Lapse.objects.filter(over_at=None)
    rows = rows if who is None else rows.filter(user__in=who)
    noted = {(row.user_id, row.level): row for row in rows.select_related("user")}
    _restored([row for key, row in noted.items() if key not in gone])
    new = [one for key, one in gone.items() if key not in noted][:AT_ONCE]
    people = User.objects.in_bulk({one.user_id for one in new})
    for one in new:
        _lapsed(actor, people[one.user_id], one)
    return len(new)


def _lapsed(actor: Actor, user: User, one: Lapsed) -> None:
    row = Lapse.objects.create(user=user, level=one.level, why=one.why[:300], began_at=one.since)
    label = Level(one.level).label.lower()
    data = {"level": one.level, "why": one.why, "since": one.since}
    record("level.lapsed", subject=row, data=data)
    raise_alert(
        kind=AlertKind.ACCESS,
        subject=row,
        message=f"The level {label} of {user} has lapsed: {one.why}. What they queued is held.",
        people=_told(user, [one.level]),
    )
    rights_changed.send(
        Lapse, actor=actor, account=None, user=user, reason=f"A level of {user} has lapsed."
    )


def _restored(rows: list[Lapse]) -> None:
    now = timezone.now()
    for row in rows:
        row.over_at = now
        row.save(update_fields=["over_at"])
        settle_alert(kind=AlertKind.ACCESS, subject=row)
        # It may be over because the level was taken away; that is on record by itself.
        if row.user.is_active and row.level not in row.user.lapsed_levels:
            record("level.restored", subject=row, data={"level": row.level})


@action("level.warned", needs=_WORKER, may_find_nothing=True)
def notices_give(*, actor: Actor) -> int:
    """Tell people and their managers what runs out, 30 and 7 days ahead and each once.

    Returns how many notices were given.
    """
    now = timezone.now()
    soon = running_out(now + timedelta(days=max(LEADS)))
    _close_notices(soon)
    given = {(n.user_id, n.training_id, n.document_id, n.until, n.days) for n in _notices(soon)}
    due = [(one, min(d for d in LEADS if one.until <= now + timedelta(days=d))) for one in soon]
    new = [
        (one, days)
        for one, days in due
        if (one.user_id, one.training_id, one.document_id, one.until, days) not in given
    ][:AT_ONCE]
    people = User.objects.in_bulk({one.user_id for one, _ in new})
    for one, days in new:
        _warn(people[one.user_id], one, days)
    return len(new)


def _notices(soon: list[RunningOut]) -> Iterable[Notice]:
    return Notice.objects.filter(user__in={one.user_id for one in soon})


def _close_notices(soon: list[RunningOut]) -> None:
    """What was announced and is renewed, has run out or is not asked for any more is over."""
    still = {(one.user_id, one.training_id, one.document_id, one.until) for one in soon}
    for notice in Notice.objects.filter(over_at=None):
        key = (notice.user_id, notice.training_id, notice.document_id, notice.until)
        if key not in still:
            notice.over_at = timezone.now()
            notice.save(update_fields=["over_at"])
            settle_alert(kind=AlertKind.ACCESS, subject=notice)


def _warn(user: User, one: RunningOut, days: int) -> None:
    notice = Notice.objects.create(
        user=user,
        training_id=one.training_id,
        document_id=one.document_id,
        until=one.until,
        days=days,
    )
    what, todo = (
        (f"The training “{notice.training}” of {user} runs out", "It has to be done again")
        if notice.training
        else (f"{user} has to accept the policy “{notice.document}” anew", "It has to be accepted")
    )
    levels = " and ".join(Level(level).label.lower() for level in one.levels)
    until = day_words(one.until)
    record(
        "level.warned",
        subject=user,
        data={"what": notice.training or notice.document, "until": one.until, "days": days},
    )
    raise_alert(
        kind=AlertKind.ACCESS,
        subject=notice,
        message=f"{what} on {until}. {todo} before, or the level {levels} lapses.",
        people=_told(user, one.levels),
    )


def _told(user: User, levels: Iterable[str]) -> tuple[int, ...]:
    """The person and their managers, by id."""
    return (user.pk, *sorted(one.pk for one in managers_of(user, levels)))


@action("level.lapsed", "level.restored", "level.warned", needs=_WORKER, may_find_nothing=True)
def conditions_keep(*, actor: Actor) -> int:
    """Everything that follows from time alone: limits, lapses and notices. Returns how many."""
    limits_refresh()
    return lapses_look(actor=actor) + notices_give(actor=actor)

"""What is queued is held at once when the right to send it goes; and before that, it is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.alerts import AlertKind, raise_alert, settle_alert
from accounts.levels import Capability
from accounts.models import Grant, SocialAccount, User
from accounts.moments import day_words
from accounts.policy import by, people_with, right_ends
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from scheduling import events  # noqa: F401  # declares them
from scheduling.models import Delivery
from scheduling.recheck import Hold, needed_of, sender_of, why_not
from scheduling.states import QUEUED, State
from scheduling.transitions import move

WATCHER = Actor.worker("rights watcher")


def on_rights_changed(
    *, actor: Actor, account: SocialAccount | None, user: User | None, reason: str, **_: Any
) -> dict[str, int]:
    """Receiver of accounts.hooks.rights_changed; answers with how many it held."""
    rows = Delivery.objects.all()
    if account is not None:
        rows = rows.filter(account=account)
    if user is not None:
        rows = rows.filter(Q(sender=user) | Q(sender=None, post__author=user))
    return {"held": _hold_lapsed(actor=WATCHER, rows=rows, caused_by=actor.label)}


def endings_look(*, actor: Actor) -> int:
    """Hold what was queued by a right that has ended by its date; say of what is queued beyond the
    end of one that it will be held. Returns how many were held."""
    over = Delivery.objects.filter(right_ends_at__lte=timezone.now())
    held = _hold_lapsed(actor=actor, rows=over, caused_by=actor.label)
    for delivery, ends in _changed():
        _note_ending(actor=actor, delivery=delivery, ends=ends)
    return held


@action("delivery.held", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _hold_lapsed(*, actor: Actor, rows: QuerySet[Delivery], caused_by: str) -> int:
    locked = rows.filter(state__in=QUEUED).select_for_update(of=("self",))
    held = 0
    for delivery in locked.select_related("account", "post__author", "sender").order_by("pk"):
        hold = why_not(delivery)
        if hold is not None:
            _hold(delivery, hold, caused_by)
            held += 1
    return held


def _hold(delivery: Delivery, hold: Hold, caused_by: str) -> None:
    move(
        delivery,
        State.HELD,
        data={"reason": hold.reason, "caused_by": caused_by},
        hold_kind=hold.kind,
        hold_reason=hold.reason[:500],
    )


def _changed() -> Iterator[tuple[Delivery, datetime | None]]:
    """Of what another end is to be noted than stands in its row; None: the right lasts."""
    known: dict[tuple[int, int, Capability], datetime | None] = {}
    for delivery in _perhaps_ending().select_related("account", "post__author", "sender"):
        sender, needed = sender_of(delivery), needed_of(delivery)
        key = (sender.pk, delivery.account_id, needed)
        if key not in known:
            known[key] = right_ends(sender, needed, delivery.account)
        ends, due = known[key], delivery.due_at
        first = ends if ends and due and ends <= due and delivery.state in QUEUED else None
        if first != delivery.right_ends_at:
            yield delivery, first


def _perhaps_ending() -> QuerySet[Delivery]:
    """What was noted, and what is queued by somebody of whose rights one ends before its time."""
    who = OuterRef("who")
    ending = Grant.objects.in_force().filter(
        Q(user=who) | Q(team__group__user_set=who),
        account=OuterRef("account"),
        ends_at__lte=OuterRef("due_at"),
    )
    limited = User.objects.filter(pk=who).exclude(level_limits={})
    ahead = Q(state__in=QUEUED, due_at__gt=timezone.now()) & (Exists(ending) | Exists(limited))
    rows = Delivery.objects.annotate(who=Coalesce("sender", "post__author"))
    return rows.filter(Q(right_ends_at__isnull=False) | ahead).order_by("pk")


@action("delivery.right_ends", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _note_ending(*, actor: Actor, delivery: Delivery, ends: datetime | None) -> None:
    same = Delivery.objects.filter(pk=delivery.pk, state=delivery.state, due_at=delivery.due_at)
    if not same.update(right_ends_at=ends):
        return  # it was moved meanwhile: the next look sees to it
    settle_alert(kind=AlertKind.ACCESS, subject=delivery)
    if ends is None:
        return
    sender, account = sender_of(delivery), delivery.account
    managers = people_with(Capability.MANAGE, account).exclude(pk=sender.pk)
    record(
        "delivery.right_ends",
        subject=delivery,
        account=account,
        post_id=delivery.post_id,
        data={"until": ends, "due_at": delivery.due_at},
    )
    raise_alert(
        kind=AlertKind.ACCESS,
        subject=delivery,
        account=account,
        message=f"The right of {sender} to send a post on {account.display_name} ends on "
        f"{day_words(ends)}, before the post is due. It is held then.",
        people=(sender.pk, *sorted(managers.values_list("pk", flat=True))),
    )

"""Deliveries: deciding, holding, moving, calling off, settling."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import Decision, decide, decided_inside
from audit.actions import action, record
from audit.actors import Actor
from scheduling import events  # noqa: F401  # declares them
from scheduling.checks import refuse_problems
from scheduling.content import content_of, hash_of
from scheduling.correcting import drop_all
from scheduling.errors import Stale
from scheduling.gate import shut
from scheduling.models import Approval, Decided, Delivery, HoldKind
from scheduling.recheck import paused, refuse_paused, why_not
from scheduling.rules import SLACK, checked_due, due_words, is_own_words, release_needs
from scheduling.states import State
from scheduling.transitions import move


@action("delivery.approved", "delivery.scheduled", needs=decided_inside)
def delivery_approve(
    *,
    actor: Actor,
    delivery: Delivery,
    content_hash: str,
    comment: str = "",
    due_seen: str | None = None,
) -> Delivery:
    """Approve exactly what `content_hash` says was looked at, and schedule it if it has a time.

    `due_seen`: the time the person saw it had, in ISO 8601 or '' for none; None does not compare.
    Raises Stale when it is something else by now, Invalid for one's own words, NotAllowed.
    """
    delivery = _locked(delivery)
    decision = decide(actor, Capability.APPROVE, delivery.account)
    if decision and is_own_words(actor, delivery):
        raise Invalid("", "Nobody approves their own words. Ask another approver.")
    content = content_of(delivery)
    if decision and hash_of(content) != content_hash:
        raise Stale("This post changed while you were looking at it. Look again, then decide.")
    if decision and due_seen not in (None, due_words(delivery)):
        raise Stale("Its time changed while you were looking at it. Look again, then decide.")
    if decision:
        refuse_problems(delivery)
    move(
        delivery,
        State.APPROVED,
        data={"content_hash": content_hash, "comment": comment.strip()},
        reviewed=True,
    )
    _decide(actor, delivery, Decided.APPROVED, content, comment)
    now = timezone.now()
    # A reply has no hour that could pass: it goes out as soon as somebody says yes.
    keeps_time = delivery.reply_to is not None or (delivery.due_at or now) >= now - SLACK
    if delivery.due_at is not None and keeps_time:
        _queue(delivery, max(delivery.due_at, now))
    return delivery


@action("delivery.returned", needs=decided_inside)
def delivery_return(*, actor: Actor, delivery: Delivery, comment: str) -> Delivery:
    """Send it back to its author, saying what to change. Raises Invalid, NotAllowed."""
    delivery = _locked(delivery)
    if not comment.strip():
        raise Invalid("comment", "Say what has to change.")
    move(
        delivery,
        State.DRAFT,
        event="delivery.returned",
        data={"comment": comment.strip()},
        reviewed=False,
    )
    _decide(actor, delivery, Decided.RETURNED, content_of(delivery), comment)
    return delivery


@action("delivery.scheduled", needs=decided_inside)
def delivery_schedule(*, actor: Actor, delivery: Delivery, due_at: datetime | None) -> Delivery:
    """Give an approved or failed delivery its time. Raises Invalid, NotAllowed."""
    delivery = _locked(delivery)
    if delivery.state == State.DRAFT:
        raise Invalid("", "A draft is scheduled, or sent for approval, with its whole post.")
    if delivery.state not in (State.APPROVED, State.FAILED):
        raise _not_from(delivery, "scheduled")
    if delivery.account.approval_required and not delivery.reviewed:
        raise Invalid("", f"{delivery.account.display_name} asks for approval from everybody.")
    refuse_problems(delivery)
    due = checked_due(due_at)
    if not delivery.reviewed:
        delivery.sender = actor.user
    _queue(delivery, due)
    return delivery


def _may_reschedule(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    delivery: Delivery = arguments["delivery"]
    queued = delivery.state in (State.SCHEDULED, State.APPROVED)
    capability = Capability.PUBLISH if queued else Capability.DRAFT
    return decide(actor, capability, delivery.account)


@action("delivery.rescheduled", needs=_may_reschedule)
def delivery_reschedule(*, actor: Actor, delivery: Delivery, due_at: datetime) -> Delivery:
    """Move a delivery to another time without touching its words. Raises Invalid, Stale."""
    movable = (State.DRAFT, State.IN_REVIEW, State.APPROVED, State.SCHEDULED)
    seen = delivery.state
    delivery = _locked(delivery)
    if delivery.state != seen:
        raise Stale(f"{delivery} was changed by somebody else a moment ago. Look again.")
    if delivery.state not in movable:
        raise Invalid("due", f"What is {delivery.get_state_display().lower()} cannot be moved.")
    before, due = delivery.due_at, checked_due(due_at)
    fields: dict[str, Any] = {"due_at": due}
    if delivery.state == State.SCHEDULED:
        fields |= {"next_try_at": due, "prepared_at": None, "notice": ""}
    for name, value in fields.items():
        setattr(delivery, name, value)
    Delivery.objects.filter(pk=delivery.pk).update(**fields)
    record(
        "delivery.rescheduled",
        subject=delivery,
        account=delivery.account,
        post_id=delivery.post_id,
        data={"before": before, "after": due},
    )
    return delivery


@action("delivery.rescheduled", "delivery.scheduled", needs=decided_inside)
def delivery_publish_now(*, actor: Actor, delivery: Delivery) -> Delivery:
    """Send an approved, scheduled or failed delivery at once. Raises Invalid, NotAllowed."""
    act = delivery_reschedule if delivery.state == State.SCHEDULED else delivery_schedule
    sent = act(actor=actor, delivery=delivery, due_at=timezone.now())
    refuse_paused(sent)  # after the rights: whoever may not do it anyway is told that
    return sent


@action("delivery.held", needs=decided_inside)
def delivery_hold(*, actor: Actor, delivery: Delivery, reason: str) -> Delivery:
    """Keep a delivery back until somebody releases it. Raises Invalid, NotAllowed."""
    delivery = _locked(delivery)
    if not reason.strip():
        raise Invalid("reason", "Say why it is held.")
    return move(
        delivery,
        State.HELD,
        data={"reason": reason.strip()},
        hold_kind=HoldKind.PERSON,
        hold_reason=reason.strip()[:500],
    )


def _may_release(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    delivery: Delivery = arguments["delivery"]
    needed = release_needs(delivery)
    return decide(actor, needed[-1], delivery.account)


@action("delivery.released", needs=_may_release)
def delivery_release(
    *, actor: Actor, delivery: Delivery, due_at: datetime | None = None
) -> Delivery:
    """Let a held delivery go, at `due_at` or its own time if that lies ahead.

    Raises Invalid when what held it still stands, or its time has passed and no other was given.
    """
    delivery = _locked(delivery)
    if delivery.state != State.HELD:
        raise _not_from(delivery, "released")
    due = checked_due(due_at or delivery.due_at)
    reason = paused(delivery, shut()) or why_not(delivery, due_at=due)
    if reason is not None:
        raise Invalid("", f"It cannot go out yet. {reason.reason}")
    return move(
        delivery,
        State.SCHEDULED,
        data={"due_at": due, "held_because": delivery.hold_reason},
        due_at=due,
        next_try_at=due,
        tries=0,
    )


@action("delivery.cancelled", needs=decided_inside)
def delivery_cancel(*, actor: Actor, delivery: Delivery, reason: str = "") -> Delivery:
    """Call one delivery off, for good. Raises NoSuchMove, NotAllowed, Stale."""
    delivery = _locked(delivery)
    return move(delivery, State.CANCELLED, data={"reason": reason.strip()})


@action("delivery.withdrawn", "correction.dropped", needs=decided_inside)
def delivery_withdraw(*, actor: Actor, delivery: Delivery, reason: str) -> Delivery:
    """Note that a published post was taken down; scheduling.withdrawal asks the platform first."""
    delivery = move(_locked(delivery), State.WITHDRAWN, data={"reason": reason.strip()})
    drop_all(delivery, "The post was taken down.")
    return delivery


@action("delivery.settled", needs=decided_inside)
def delivery_settle(
    *,
    actor: Actor,
    delivery: Delivery,
    went_out: bool,
    remote_id: str = "",
    permalink: str = "",
    published_at: datetime | None = None,
    send_again: bool = False,
    note: str = "",
) -> Delivery:
    """A person says what became of a delivery in doubt; scheduling.settling asks the platform.

    Without a `remote_id` it is known by its address alone, and cannot be taken down from here.
    Raises Invalid, NotAllowed, Stale.
    """
    delivery = _locked(delivery)
    if delivery.state != State.UNKNOWN:
        raise _not_from(delivery, "settled")
    data = {"by_hand": True, "note": note.strip()}
    if went_out:
        if not permalink.startswith(("https://", "http://")):
            raise Invalid("address", "Paste the address of the post as it stands there.")
        return move(
            delivery,
            State.PUBLISHED,
            data=data | {"permalink": permalink, "found_there": bool(remote_id)},
            permalink=permalink[:500],
            remote_id=remote_id[:255],
            published_at=published_at or timezone.now(),
            problem="",
            problem_code="",
        )
    if send_again:
        now = timezone.now()
        again = move(
            delivery, State.SCHEDULED, data=data, due_at=now, next_try_at=now, tries=0, checks=0
        )
        refuse_paused(again)
        return again
    return move(delivery, State.FAILED, data=data, problem="It did not go out.")


def _not_from(delivery: Delivery, done: str) -> Invalid:
    """The answer to an act that is not for this state: a page that is out of date, or worse."""
    return Invalid("", f"What is {delivery.get_state_display().lower()} cannot be {done}.")


def _queue(delivery: Delivery, due: datetime) -> None:
    move(
        delivery,
        State.SCHEDULED,
        data={"due_at": due},
        due_at=due,
        next_try_at=due,
        sender=delivery.sender,
        tries=0,
        checks=0,
        problem="",
        problem_code="",
    )


def _decide(
    actor: Actor, delivery: Delivery, decided: Decided, content: dict[str, Any], comment: str
) -> None:
    Approval.objects.create(
        delivery=delivery,
        decided=decided,
        content_hash=hash_of(content),
        content=content,
        comment=comment.strip(),
        by=actor.user,
    )


def _locked(delivery: Delivery) -> Delivery:
    """The row as it is now, locked until the action ends."""
    rows = Delivery.objects.select_for_update(of=("self",))
    return rows.select_related("account", "post", "sender").get(pk=delivery.pk)

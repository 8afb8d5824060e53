"""Corrections: proposing new words for what is published, and deciding on them."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone

from accounts.alerts import AlertKind, settle_alert
from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import User
from accounts.policy import decided_inside, require
from audit.actions import action
from audit.actors import Actor
from scheduling.correcting import (
    correction_hash,
    correction_move,
    hindrance,
    if_approved,
    is_own_correction,
    lock,
    locked,
    note,
    text_problem,
    why_uncorrectable,
)
from scheduling.elements import clean_text
from scheduling.errors import Stale
from scheduling.gate import shut
from scheduling.models import OPEN, Correction, CorrectionState, Delivery, Post
from scheduling.rules import sends_without_review


@action("correction.proposed", "correction.ordered", needs=decided_inside)
def correction_propose(
    *, actor: Actor, post: Post, texts: Mapping[int, str], seen: Mapping[int, str]
) -> list[Correction]:
    """Propose new words for deliveries of a post; where the person's word is enough, order them.

    `texts`: delivery id to its new words; `seen`: to what the person saw it say. All or none of
    them. Raises Invalid, NotAllowed, Stale.
    """
    if not texts:
        raise Invalid("text", "Nothing is different. Change the words, then send the correction.")
    made = []
    for delivery_id in sorted(texts):
        delivery = lock(delivery_id)
        require(actor, Capability.DRAFT, delivery.account)
        if delivery.post_id != post.pk:
            raise Invalid("", "This is no part of the post.")
        if delivery.text != seen.get(delivery_id):
            raise Stale("The post was changed while you were writing. Look again.")
        made.append(_propose(actor, delivery, clean_text(texts[delivery_id])))
    return made


def _propose(actor: Actor, delivery: Delivery, text: str) -> Correction:
    name = delivery.account.display_name
    if delivery.corrections.filter(state__in=OPEN).exists():
        raise Invalid("", f"{name}: a correction of this post is under way already.")
    if problem := why_uncorrectable(delivery) or text_problem(delivery, text):
        raise Invalid("text", f"{name}: {problem}")
    writer = actor.user
    assert isinstance(writer, User), "only a person writes"
    at_once = sends_without_review(actor, delivery)
    now = timezone.now()
    correction = Correction(
        delivery=delivery,
        before=delivery.text,
        text=text,
        by=writer,
        state=CorrectionState.QUEUED if at_once else CorrectionState.PROPOSED,
        queued_at=now if at_once else None,
        next_try_at=now if at_once else None,
    )
    if at_once:
        _refuse_hindered(correction)
    correction.save()
    settle_alert(kind=AlertKind.CORRECTION, subject=delivery)  # of one before
    event = "correction.ordered" if at_once else "correction.proposed"
    note(correction, event, _said(correction) | {"content_hash": correction_hash(correction)})
    return correction


@action("correction.approved", needs=decided_inside)
def correction_approve(
    *, actor: Actor, correction: Correction, content_hash: str, comment: str = ""
) -> Correction:
    """Approve exactly what `content_hash` says was looked at; then it is sent.

    Raises Stale when it is something else by now, Invalid for one's own words and for what could
    not be sent now, NotAllowed.
    """
    correction = _waiting(actor, correction)
    if is_own_correction(actor, correction):
        raise Invalid("", "Nobody approves their own words. Ask another approver.")
    if correction_hash(correction) != content_hash:
        raise Stale("This correction changed while you were looking at it. Look again.")
    _refuse_hindered(if_approved(correction))
    now = timezone.now()
    return correction_move(
        correction,
        CorrectionState.QUEUED,
        _said(correction) | {"content_hash": content_hash, "comment": comment.strip()},
        reviewed=True,
        approved_hash=content_hash,
        decided_by=actor.user,
        decided_at=now,
        comment=comment.strip(),
        queued_at=now,
        next_try_at=now,
    )


@action("correction.returned", needs=decided_inside)
def correction_return(*, actor: Actor, correction: Correction, comment: str) -> Correction:
    """Refuse it, saying why. Raises Invalid, NotAllowed, Stale."""
    correction = _waiting(actor, correction)
    if not comment.strip():
        raise Invalid("comment", "Say what is wrong with it.")
    return correction_move(
        correction,
        CorrectionState.RETURNED,
        {"comment": comment.strip()},
        decided_by=actor.user,
        decided_at=timezone.now(),
        comment=comment.strip(),
    )


@action("correction.dropped", needs=decided_inside)
def correction_drop(*, actor: Actor, correction: Correction) -> Correction:
    """Take it back, as long as nothing of it can have gone out. Raises Invalid, NotAllowed."""
    correction = locked(correction)
    require(actor, Capability.DRAFT, correction.account)
    waits = correction.state in (CorrectionState.PROPOSED, CorrectionState.QUEUED)
    if not waits or correction.in_doubt:
        raise Invalid("", "This correction cannot be taken back any more.")
    return correction_move(correction, CorrectionState.DROPPED)


def _waiting(actor: Actor, correction: Correction) -> Correction:
    """A correction that waits for a decision, locked, for somebody who may decide on it."""
    correction = locked(correction)
    require(actor, Capability.APPROVE, correction.account)
    if correction.state != CorrectionState.PROPOSED:
        raise Stale("Somebody else has decided on this one already.")
    return correction


def _refuse_hindered(correction: Correction) -> None:
    if reason := hindrance(correction, shut()):
        raise Invalid("", f"It cannot be corrected now. {reason}")


def _said(correction: Correction) -> dict[str, str]:
    """What the record keeps of what was decided on."""
    return {"before": correction.before, "after": correction.text}

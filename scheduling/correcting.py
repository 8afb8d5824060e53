"""The rules of corrections, and the only writer of their state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import Decision, decide
from audit.actions import record
from audit.actors import Actor
from platforms.checking import uncorrectable
from platforms.contract import Outgoing
from scheduling import events  # noqa: F401  # declares them
from scheduling.attached import attached, showing
from scheduling.checks import content_problems
from scheduling.content import hash_of, media_of
from scheduling.elements import elements_from
from scheduling.errors import Stale
from scheduling.gate import Shut
from scheduling.models import Correction, CorrectionState, Delivery
from scheduling.recheck import lapsed, pause_over, shut_out
from scheduling.rules import own_words_among
from scheduling.states import State

_S = CorrectionState
MOVES: Mapping[tuple[CorrectionState, CorrectionState], str] = {
    (_S.PROPOSED, _S.QUEUED): "correction.approved",
    (_S.PROPOSED, _S.RETURNED): "correction.returned",
    (_S.PROPOSED, _S.DROPPED): "correction.dropped",
    (_S.QUEUED, _S.DROPPED): "correction.dropped",
    (_S.QUEUED, _S.SENDING): "correction.tried",
    (_S.QUEUED, _S.FAILED): "correction.failed",
    (_S.QUEUED, _S.UNKNOWN): "correction.in_doubt",
    (_S.SENDING, _S.SENDING): "correction.tried",  # its worker stopped in the middle
    (_S.SENDING, _S.CORRECTED): "correction.made",
    (_S.SENDING, _S.QUEUED): "correction.retried",
    (_S.SENDING, _S.FAILED): "correction.failed",
    (_S.SENDING, _S.UNKNOWN): "correction.in_doubt",
}
"""From and to, and the event. Who may is decided by the services, and by the engine for itself."""


def correction_move(
    correction: Correction,
    target: CorrectionState,
    data: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Correction:
    """Move a correction to `target` and write `fields` with it: compare-and-set, event.

    Belongs inside an action. Raises KeyError for a move that there is not, Stale when somebody else
    was first.
    """
    source, fence = CorrectionState(correction.state), correction.fence
    event = MOVES[source, target]
    if target is not _S.SENDING:
        fields.setdefault("lease_until", None)
    if target is not _S.QUEUED:
        fields.setdefault("next_try_at", None)
    fields |= {"state": target, "state_since": timezone.now()}
    rows = Correction.objects.filter(pk=correction.pk, state=source, fence=fence)
    if not rows.update(**fields):
        raise Stale("This correction was changed by somebody else a moment ago. Look again.")
    for name, value in fields.items():
        setattr(correction, name, value)
    note(correction, event, data)
    return correction


def note(correction: Correction, event: str, data: Mapping[str, Any] | None = None) -> None:
    """Put an act on record; what it is about is the delivery, in whose story it belongs."""
    delivery = correction.delivery
    record(
        event,
        subject=delivery,
        account=delivery.account,
        post_id=delivery.post_id,
        data={"correction": correction.pk, **(data or {})},
    )


def locked(correction: Correction) -> Correction:
    """The row as it is now, and its delivery before it, both locked until the action ends."""
    lock(correction.delivery_id)
    rows = Correction.objects.select_for_update(of=("self",))
    return rows.select_related("delivery__account", "delivery__post__author", "by").get(
        pk=correction.pk
    )


def lock(delivery_id: int) -> Delivery:
    """A delivery, locked until the action ends: whoever changes its corrections comes this way."""
    rows = Delivery.objects.select_for_update(of=("self",))
    return rows.select_related("account", "post__author", "sender").get(pk=delivery_id)


def drop_all(delivery: Delivery, reason: str) -> None:
    """No correction of it comes about any more, but for what is being sent; part of an action."""
    rows = Correction.objects.select_for_update().filter(
        delivery=delivery, state__in=(_S.PROPOSED, _S.QUEUED)
    )
    for correction in rows:
        correction.delivery = delivery
        correction_move(correction, _S.DROPPED, {"reason": reason})


# --- what it is, and what stands in its way -------------------------------------------------------


def corrected_content(correction: Correction) -> dict[str, Any]:
    """All that there is to decide: which post, what it says there, and what it is to say."""
    delivery = correction.delivery
    return {
        "account": delivery.account_id,
        "post": delivery.remote_id,
        "before": correction.before,
        "text": correction.text,
    }


def correction_hash(correction: Correction) -> str:
    """SHA-256 of what would be sent now; what an approval is a decision on."""
    return hash_of(corrected_content(correction))


def if_approved(correction: Correction) -> Correction:
    """The same as it would stand by an approval of what it says now; nothing is written."""
    correction.reviewed, correction.approved_hash = True, correction_hash(correction)
    return correction


def as_corrected(delivery: Delivery, text: str) -> Outgoing:
    """The published post with other words; its media without their data."""
    account = delivery.account
    plain = Outgoing(
        key=delivery.key.hex, text=text, created_at=delivery.stamp or delivery.created_at
    )
    post = elements_from(delivery.elements).onto(plain, account.info, account.base_url)
    return showing(post, attached(media_of(delivery), account.limits))


def why_uncorrectable(delivery: Delivery) -> str:
    """Why nobody can correct this delivery, as a sentence with what to do; '' when it can be."""
    if delivery.state != State.PUBLISHED:
        return "Only what is published can be corrected."
    if not delivery.remote_id:
        label = delivery.account.info.label
        return (
            "Its address is known and not its number there, so it cannot be corrected from here. "
            f"Correct it on {label}."
        )
    if delivery.reply_to is not None:
        return "A reply cannot be corrected: take it down and answer again."
    return uncorrectable(as_corrected(delivery, delivery.text), delivery.account.info)


def text_problem(delivery: Delivery, text: str) -> str:
    """What is wrong with these words there, '' when they will do; as the composer has it."""
    if text == delivery.text:
        return "It says the same as before."
    problems = content_problems(
        delivery.account,
        text,
        attached(media_of(delivery), delivery.account.limits),
        elements_from(delivery.elements),
    )
    return problems[0].message if problems else ""


def hindrance(correction: Correction, shut: Shut) -> str:
    """What forbids sending it at this moment, as a sentence; '' when it may go.

    What publishing asks at the moment of sending, and whether the post is still as it was.
    """
    delivery, account = correction.delivery, correction.account
    hold = (
        pause_over(account.pk, shut)
        or shut_out(account)
        or lapsed(correction.by, account, reviewed=correction.reviewed, rights=_right)
    )
    if hold is not None:
        return hold.reason
    if correction.reviewed and correction.approved_hash != correction_hash(correction):
        return "It is not what was approved. Propose it again."
    if delivery.state == State.PUBLISHED and delivery.text != correction.before:
        return "The post says something else by now. Propose it again."
    return why_uncorrectable(delivery) or text_problem(delivery, correction.text)


def _right(user: User, capability: Capability, account: SocialAccount) -> Decision:
    return decide(Actor.person(user), capability, account)


def is_own_correction(actor: Actor, correction: Correction) -> bool:
    """Whether this person proposed it, or wrote, changed or sent any of the post."""
    return correction.pk in own_corrections_among(actor, [correction])


def own_corrections_among(actor: Actor, corrections: list[Correction]) -> set[int]:
    """The ids of those that are the person's own, in one query at most."""
    own = own_words_among(actor, [correction.delivery for correction in corrections])
    return {
        correction.pk
        for correction in corrections
        if actor.id == correction.by_id or correction.delivery_id in own
    }

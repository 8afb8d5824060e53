"""The approval queue: what will go out, what changed, and the decision."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import decide
from accounts.web import actor_of
from audit.actors import Actor
from audit.difference import difference
from scheduling.composing import checks_on, shown_on
from scheduling.content import content_of, hash_of, media_of
from scheduling.correcting import (
    correction_hash,
    hindrance,
    if_approved,
    is_own_correction,
    own_corrections_among,
)
from scheduling.elements import elements_from, words_of
from scheduling.errors import Stale
from scheduling.gate import shut
from scheduling.models import Correction, CorrectionState, Delivery
from scheduling.previews import preview_of
from scheduling.rules import due_words, is_own_words, own_words_among
from scheduling.selectors.approvals import PAGE, decided_before, queue
from scheduling.selectors.corrections import WAITING_MOST, shown, waiting_corrections
from scheduling.selectors.posts import delivery_visible
from scheduling.services.deliveries import delivery_approve, delivery_return
from scheduling.states import State
from scheduling.transitions import NoSuchMove


@require_GET
def approvals(request: HttpRequest) -> HttpResponse:
    """The queue, with its first item open."""
    actor = actor_of(request)
    rows, corrections = waiting = _waiting(actor)
    theirs = own_corrections_among(actor, corrections)
    first = next((one for one in corrections if one.pk not in theirs), None)
    item: dict[str, Any] = {}
    if first is not None:
        item = correction_item(request, first)
    elif rows:
        own = own_words_among(actor, rows)
        chosen = next((row for row in rows if row.pk not in own), rows[0])
        item = _item(request, chosen, own_words=chosen.pk in own)
    return queue_page(request, item, opened=False, waiting=waiting)


@require_GET
def approval(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """One item of the queue; as a fragment when the list is already there."""
    delivery = delivery_visible(actor_of(request), delivery_id)
    if request.htmx:  # type: ignore[attr-defined]  # by middleware
        return render(request, "scheduling/_approval.html", _item(request, delivery))
    return queue_page(request, _item(request, delivery), opened=True)


@require_POST
def approval_decide(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Approve or return; then the next item comes by itself."""
    actor = actor_of(request)
    delivery = delivery_visible(actor, delivery_id)
    comment = request.POST.get("comment", "")
    try:
        if request.POST.get("decision") == "approve":
            seen = request.POST.get("content_hash", "")
            done = delivery_approve(
                actor=actor,
                delivery=delivery,
                content_hash=seen,
                comment=comment,
                due_seen=request.POST.get("due"),
            )
            messages.success(request, _said(done))
        else:
            delivery_return(actor=actor, delivery=delivery, comment=comment)
            messages.success(request, f"Returned to {delivery.post.author}.")
    except (Invalid, Stale) as error:
        messages.error(request, f"Nothing was decided. {error}")
        return redirect("scheduling:approval", delivery_id=delivery.pk)
    except NoSuchMove:
        messages.info(request, "Somebody else has decided on this one already.")
    return redirect("scheduling:approvals")


def _said(delivery: Delivery) -> str:
    name = delivery.account.display_name
    if delivery.state == State.SCHEDULED:
        return f"Approved. It goes out on {name} at its time."
    if delivery.due_at is None:
        return f"Approved on {name}. It has no time yet: somebody has to give it one."
    return f"Approved on {name}, but its time has passed. Give it a new one."


def _waiting(actor: Actor) -> tuple[list[Delivery], list[Correction]]:
    """What waits for this person's decision."""
    return queue(actor), list(waiting_corrections(actor)[:WAITING_MOST])


def queue_page(
    request: HttpRequest,
    item: dict[str, Any],
    *,
    opened: bool,
    waiting: tuple[list[Delivery], list[Correction]] | None = None,
) -> HttpResponse:
    """The queue with one item of it beside, if any: a delivery's or a correction's."""
    rows, corrections = waiting or _waiting(actor_of(request))
    context = {
        "queue": rows[:PAGE],
        "corrections": corrections,
        "more": len(rows) > PAGE or len(corrections) == WAITING_MOST,
        "opened": opened,
    }
    return render(request, "scheduling/approvals.html", context | item)


def _item(
    request: HttpRequest, delivery: Delivery, *, own_words: bool | None = None
) -> dict[str, Any]:
    """All that there is to decide on one. `own_words`: whether they are theirs, where known."""
    actor = actor_of(request)
    prefetch_related_objects([delivery], "post__media__variants")  # shown and hashed
    media = media_of(delivery)
    content, elements = content_of(delivery), elements_from(delivery.elements)
    is_reply = delivery.reply_to is not None
    shown = shown_on([delivery.account], delivery.text, {}, media, elements, reply=is_reply)
    before = decided_before(delivery)
    decision = decide(actor, Capability.APPROVE, delivery.account)
    return {
        "delivery": delivery,
        "preview": preview_of(
            delivery.account,
            delivery.text,
            media,
            elements,
            over=shown[0].over,
            reply_to=(delivery.reply_to or {}).get("text", ""),
        ),
        "media": media,
        "checks": checks_on(shown, media, delivery.due_at, delivery.account.time_zone),
        "before": before,
        "diff": difference(before.text, words_of(content)) if before else None,
        "content_hash": hash_of(content),
        "due_seen": due_words(delivery),
        "own_words": is_own_words(actor, delivery) if own_words is None else own_words,
        "may_decide": bool(decision) and delivery.state == State.IN_REVIEW,
        "why_not": decision.reason,
    }


def correction_item(request: HttpRequest, found: Correction) -> dict[str, Any]:
    """All that there is to decide on one."""
    actor = actor_of(request)
    decision = decide(actor, Capability.APPROVE, found.account)
    may_decide = bool(decision) and found.state == CorrectionState.PROPOSED
    return {
        "correction": found,
        "shown": shown(found),
        "content_hash": correction_hash(found),
        "hindrance": hindrance(if_approved(found), shut()) if may_decide else "",
        "own_words": is_own_correction(actor, found),
        "may_decide": may_decide,
        "why_not": decision.reason,
    }

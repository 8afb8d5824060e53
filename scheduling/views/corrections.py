"""Correcting what is published: the form, and the decision on what somebody proposed."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.web import actor_of
from audit.actors import Actor
from scheduling.composing import shown_on
from scheduling.elements import clean_text, elements_from
from scheduling.errors import Stale
from scheduling.models import Correction, CorrectionState, Post
from scheduling.rules import sends_without_review
from scheduling.selectors.corrections import Saying, correctable, correction_visible
from scheduling.selectors.posts import post_visible
from scheduling.services.corrections import (
    correction_approve,
    correction_drop,
    correction_propose,
    correction_return,
)
from scheduling.views.approvals import correction_item, queue_page


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, post_id: int) -> HttpResponse:
    """New words for what is published of a post."""
    actor = actor_of(request)
    post = post_visible(actor, post_id)
    sayings, left = correctable(actor, post)
    error = ""
    if request.method == "POST":
        texts, seen = _typed(request, post)
        try:
            made = correction_propose(actor=actor, post=post, texts=texts, seen=seen)
        except (Invalid, Stale) as refused:
            error = str(refused)
        else:
            messages.success(request, _said(made))
            return redirect("scheduling:post", post_id=post.pk)
    context = {
        "post": post,
        "fields": [_field(request, post, saying) for saying in sayings],
        "left": left,
        "error": error,
        "button": _button(actor, sayings),
    }
    return render(request, "scheduling/correct.html", context, status=422 if error else 200)


def _typed(request: HttpRequest, post: Post) -> tuple[dict[int, str], dict[int, str]]:
    """What is to be said from now on, and what was seen, by the ids of deliveries of the post."""
    texts: dict[int, str] = {}
    seen: dict[int, str] = {}
    for delivery in post.deliveries.all():
        key = request.POST.get(f"of-{delivery.pk}", "")
        text, before = (clean_text(request.POST.get(f"{n}-{key}", "")) for n in ("text", "seen"))
        if key and text != before:
            texts[delivery.pk], seen[delivery.pk] = text, before
    return texts, seen


def _field(request: HttpRequest, post: Post, saying: Saying) -> dict[str, Any]:
    typed = request.POST.get(f"text-{saying.key}", saying.before)
    media = list(post.media.all())
    counts = [
        shown_on([row.account], typed, {}, media, elements_from(row.elements))[0]
        for row in saying.deliveries
    ]
    return {"saying": saying, "typed": typed, "counts": counts}


def _button(actor: Actor, sayings: list[Saying]) -> str:
    """What happens for this person when it is pressed."""
    rows = [row for saying in sayings for row in saying.deliveries]
    at_once = sum(sends_without_review(actor, row) for row in rows)
    if not at_once:
        return "Send for approval"
    return "Correct it now" if at_once == len(rows) else "Correct it, or send for approval"


def _said(made: list[Correction]) -> str:
    waiting = [one for one in made if one.state == CorrectionState.PROPOSED]
    if not waiting:
        return "The correction is on its way. The page says when the platform has taken it."
    return "Sent for approval. What is published stays as it is until somebody approves."


@require_GET
def correction(request: HttpRequest, correction_id: int) -> HttpResponse:
    """One that waits in the queue; as a fragment when the list is already there."""
    found = correction_visible(actor_of(request), correction_id)
    if request.htmx:  # type: ignore[attr-defined]  # by middleware
        return render(request, "scheduling/_correction.html", correction_item(request, found))
    return queue_page(request, correction_item(request, found), opened=True)


@require_POST
def correction_decide(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Approve or return; then the next item of the queue comes by itself."""
    actor = actor_of(request)
    found = correction_visible(actor, correction_id)
    comment = request.POST.get("comment", "")
    try:
        if request.POST.get("decision") == "approve":
            correction_approve(
                actor=actor,
                correction=found,
                content_hash=request.POST.get("content_hash", ""),
                comment=comment,
            )
            messages.success(request, "Approved. It is sent now; the post’s page says what came.")
        else:
            correction_return(actor=actor, correction=found, comment=comment)
            messages.success(request, f"Returned to {found.by}.")
    except (Invalid, Stale) as error:
        messages.error(request, f"Nothing was decided. {error}")
        return redirect("scheduling:correction", correction_id=found.pk)
    return redirect("scheduling:approvals")


@require_POST
def correction_take_back(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Take it back, as long as nothing of it went out."""
    actor = actor_of(request)
    found = correction_visible(actor, correction_id)
    try:
        correction_drop(actor=actor, correction=found)
        messages.success(request, "Taken back. What is published stays as it is.")
    except (Invalid, Stale) as error:
        messages.error(request, f"Nothing was changed. {error}")
    return redirect("scheduling:post", post_id=found.delivery.post_id)

"""The seal, and proofs to take away: of one event, and of all events of a post."""

from __future__ import annotations

import json
from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.web import actor_of
from audit.actions import NotAllowed
from audit.exporting import data_for
from audit.models import Event
from audit.proofs import NotSealed, proof_of
from audit.selectors.events import Filters, Scope, events_page
from audit.selectors.seal import seal_state
from audit.services.reading import proof_give
from audit.views.scope import event_or_refuse, scope_of

STORY_MAX = 500
"""Events of a post that one proof holds; a longer story is proven by the whole export."""


@require_safe
def seal(request: HttpRequest) -> HttpResponse:
    """How far the record is sealed and under witness: below the record, or as a page."""
    scope_of(actor_of(request))
    is_page = not request.htmx  # type: ignore[attr-defined]  # set by middleware
    return render(request, "audit/seal.html", {"seal": seal_state(), "is_page": is_page})


@require_safe
def event_proof(request: HttpRequest, event_id: int) -> HttpResponse:
    """The proof that an event is in the record exactly so."""
    actor = actor_of(request)
    scope, _ = scope_of(actor)
    found = event_or_refuse(scope, event_id)
    proof_give(actor=actor, what={"event": found.pk})
    return _download(request, scope, [found], f"event-{found.pk}")


@require_safe
def post_proof(request: HttpRequest, post_id: int) -> HttpResponse:
    """The same for all that is on record of a post and that the reader may see."""
    actor = actor_of(request)
    scope, _ = scope_of(actor)
    if post_id >= 2**63:
        raise Http404
    wanted = Filters(post=post_id, readings=True)
    found = events_page(scope, wanted, size=STORY_MAX).events
    if not found:
        if not Event.objects.filter(post_id=post_id).exists():
            raise Http404
        raise NotAllowed("Nothing about this post is yours to see.", hidden=True)
    proof_give(actor=actor, what={"post": post_id})
    return _download(request, scope, found, f"post-{post_id}")


def _download(
    request: HttpRequest, scope: Scope, events: Sequence[Event], name: str
) -> HttpResponse:
    try:
        proof = proof_of([event.pk for event in events])
    except NotSealed:
        return render(request, "audit/not_sealed.html", status=409)
    # A text is proven whole or not at all: what speaks of other accounts too is kept back.
    partly = {event.pk for event in events if data_for(scope, event) != event.data}
    for proven in proof["events"]:
        if json.loads(proven["leaf"])["number"] in partly:
            proven["what"] = ""
    text = json.dumps(proof, ensure_ascii=False)
    response = HttpResponse(text, content_type="application/json; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="proof-{name}.json"'
    response["Cache-Control"] = "no-store"
    return response

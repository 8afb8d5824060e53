"""'Hold everything': what it would hold, doing it, and ending it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.policy import decide_pause
from accounts.web import actor_of, show_invalid
from audit.actions import NotAllowed
from scheduling.forms import PauseForm
from scheduling.selectors.pauses import (
    accounts_of,
    covered_by,
    foresee,
    held_by,
    pause_seen,
    pauses_seen,
    under_way_seen,
)
from scheduling.services.pauses import pause_begin, pause_end

HELD_SHOWN = 10


@require_http_methods(["GET", "POST"])
def pause_new(request: HttpRequest) -> HttpResponse:
    """What would be held is shown before it is; `what` in the address chooses."""
    actor = actor_of(request)
    decision = decide_pause(actor, None)
    if not decision:
        raise NotAllowed(decision.reason)
    form = PauseForm(actor, request.POST or None, initial={"what": request.GET.get("what", "")})
    if form.is_valid():
        try:
            pause = pause_begin(actor=actor, reason=form.cleaned_data["reason"], **form.scope)
        except Invalid as error:
            show_invalid(form, error)
        else:
            messages.success(request, f"{pause.what} is held. Nothing goes out from now on.")
            return redirect("scheduling:pause", pause.pk)
    context = {
        "form": form,
        "foreseen": foresee(actor, accounts_of(**form.scope)),
        "standing": pauses_seen(actor).in_force().filter(**form.scope).first(),
        **form.scope,
    }
    status = 422 if form.errors else 200
    return render(request, "scheduling/pause_new.html", context, status=status)


@require_GET
def pause(request: HttpRequest, pause_id: int) -> HttpResponse:
    """One pause: who, since when and why, what it holds, what it could not stop."""
    actor = actor_of(request)
    found = pause_seen(actor, pause_id)
    rows = list(held_by(actor, found).order_by("due_at", "pk")[: HELD_SHOWN + 1])
    context = {
        "pause": found,
        "covered": found.covered.count() if found.team_id else 0,
        "held": rows[:HELD_SHOWN],
        "more": len(rows) > HELD_SHOWN,
        "under_way": under_way_seen(actor, found),
        "may_end": bool(decide_pause(actor, covered_by(found))),
    }
    return render(request, "scheduling/pause.html", context)


@require_POST
def pause_over(request: HttpRequest, pause_id: int) -> HttpResponse:
    """End it, and go on to the review of what it held."""
    found = pause_seen(actor_of(request), pause_id)
    try:
        pause_end(actor=actor_of(request), pause=found)
    except Invalid as error:
        messages.error(request, f"Nothing was changed. {error.message}")
    else:
        messages.success(request, f"{found.what} is no longer held. What fell due waits for you.")
    return redirect("scheduling:pause", found.pk)

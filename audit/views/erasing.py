"""Erasing what the record says of people: of one event, or of all events of a post."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.levels import OrgCapability
from accounts.policy import require_org
from accounts.services.erasing import record_erase
from accounts.web import actor_of
from audit.erasing import CannotErase
from audit.forms import ErasureForm
from audit.models import Event
from audit.selectors.seal import erased_of
from audit.telling import event_words

POST_MAX = 500
"""Events erased at a time; a longer story takes a second turn."""


@require_http_methods(["GET", "POST"])
def erase_event(request: HttpRequest, event_id: int) -> HttpResponse:
    """Of one event. Whoever erases need not be able to read it, and is not shown what it says."""
    require_org(actor_of(request), OrgCapability.ERASE)
    found = Event.objects.filter(pk=event_id).first() if event_id < 2**63 else None
    if found is None:
        raise Http404
    return _page(request, [found.pk], event=found, said=event_words(found.name))


@require_http_methods(["GET", "POST"])
def erase_post(request: HttpRequest, post_id: int) -> HttpResponse:
    """Of what is on record of a post."""
    require_org(actor_of(request), OrgCapability.ERASE)
    told = Event.objects.filter(post_id=post_id).order_by("pk") if post_id < 2**63 else None
    ids = list(told.values_list("pk", flat=True)[:POST_MAX]) if told is not None else []
    if not ids:
        raise Http404
    return _page(request, ids, post_id=post_id)


def _page(request: HttpRequest, ids: Sequence[int], **about: Any) -> HttpResponse:
    form = ErasureForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                count = record_erase(actor=actor_of(request), event_ids=ids, **form.asked)
            except CannotErase as error:
                form.add_error(None, f"{error} Nothing was changed.")
            else:
                messages.success(request, f"Erased, in {count} place{'' if count == 1 else 's'}.")
                return redirect(request.path)
    context = {"form": form, "count": len(ids), "erased": erased_of(ids), **about}
    return render(request, "audit/erase.html", context, status=status)

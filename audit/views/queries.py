"""Searches of the record that people keep by name."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.web import actor_of, person_of
from audit.models import SavedQuery
from audit.selectors.exports import queries_for
from audit.services.handing import CannotKeep, query_remove, query_save
from audit.views.record import record_form, record_url
from audit.views.scope import scope_of


@require_GET
def queries(request: HttpRequest) -> HttpResponse:
    """The searches one keeps, and those of others that are shared with readers of everything."""
    scope, _ = scope_of(actor_of(request))
    me = person_of(request).pk
    found = queries_for(me, shared=scope.account_ids is None)
    kept = [(one, f"{reverse('audit:record')}?{one.query}") for one in found]
    return render(request, "audit/queries.html", {"kept": kept, "me": me})


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep the search that is shown."""
    asked = QueryDict(request.POST.get("query", "")[:2_000])
    form, scope = record_form(request, asked)
    if not form.is_valid() or not form.query:
        messages.error(request, "Nothing was kept: set some filters first.")
        return redirect("audit:record")
    here = record_url(form.query)
    try:
        saved = query_save(
            actor=actor_of(request),
            name=request.POST.get("name", ""),
            query=here.partition("?")[2],
            shared=bool(request.POST.get("shared")) and scope.account_ids is None,
        )
    except CannotKeep as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Kept as “{saved}”.")
    return redirect(here)


@require_POST
def remove(request: HttpRequest, query_id: int) -> HttpResponse:
    """Keep one's own search no longer."""
    actor = actor_of(request)
    scope_of(actor)
    saved = SavedQuery.objects.filter(owner_id=actor.id or 0, pk=query_id).first()
    if saved is None:
        raise Http404
    query_remove(actor=actor, saved=saved)
    messages.success(request, f"“{saved}” is no longer kept.")
    return redirect("audit:queries")

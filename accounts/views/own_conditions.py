"""What one's own levels take, and reading and accepting a policy."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import Invalid
from accounts.forms.conditions import AcceptForm
from accounts.levels import OrgCapability
from accounts.models import Acceptance, PolicyDocument
from accounts.policy import decide_org
from accounts.selectors import conditions as selectors
from accounts.services.conditions import policy_accept
from accounts.views.common import show_form, tell
from accounts.web import actor_of, person_of, show_invalid


@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    me = person_of(request)
    context = {
        "requirements": selectors.requirements_of(me),
        "records": selectors.records_of(me),
        "acceptances": selectors.acceptances_of(me),
        "may_see_organisation": bool(decide_org(actor_of(request), OrgCapability.SETTINGS)),
    }
    return render(request, "accounts/conditions/mine.html", context)


@require_http_methods(["GET", "POST"])
def read(request: HttpRequest, document_id: int) -> HttpResponse:
    """The newest text, to be read and accepted. Everybody who is signed in may read it."""
    me = person_of(request)
    version = selectors.newest_version(get_object_or_404(PolicyDocument, pk=document_id))
    if version is None:
        raise Http404
    form = AcceptForm(request.POST or None, initial={"sha256": version.sha256})
    if form.is_bound and form.is_valid():
        sha256 = form.cleaned_data["sha256"]
        try:
            policy_accept(actor=actor_of(request), version=version, sha256=sha256)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"You accepted {version}.")
            return redirect("my_conditions")
    context = {
        "version": version,
        "accepted": Acceptance.objects.filter(user=me, version=version).first(),
        "earlier": Acceptance.objects.filter(user=me, version__document=version.document).exists(),
    }
    return show_form(request, form, "accounts/conditions/read.html", **context)

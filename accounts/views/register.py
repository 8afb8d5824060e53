"""The register of social accounts."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.forms.social import AccountFilter
from accounts.levels import OrgCapability
from accounts.policy import Rights, decide_org
from accounts.selectors.keyset import page
from accounts.selectors.social import accounts_found, accounts_seen
from accounts.views.paging import paging
from accounts.web import actor_of


@require_GET
def register(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    form = AccountFilter(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    rows = accounts_found(
        actor,
        text=given.get("q", "").strip(),
        platform=given.get("platform", ""),
        condition=given.get("health", ""),
    )
    found = page(rows, by="display_name", cursor=request.GET.get("at", ""))
    filtered = any(given.values())
    context = {
        "form": form,
        "accounts": found.items,
        "rights": Rights(actor, found.items),
        "actor": actor,
        "filtered": filtered,
        "none_at_all": not found.items and not (filtered and accounts_seen(actor).exists()),
        "may_see_register": any(
            decide_org(actor, role) for role in (OrgCapability.ACCOUNTS, OrgCapability.RECORD)
        ),
        "may_connect": bool(decide_org(actor, OrgCapability.ACCOUNTS)),
        **paging(request, found),
    }
    return render(request, "accounts/register.html", context)

"""The register of accounts, as a page and as a table to take along."""

from __future__ import annotations

import csv

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.forms.social import RegisterFilter
from accounts.levels import OrgCapability
from accounts.models import SocialAccount
from accounts.policy import decide_org
from accounts.selectors import account_register as selectors
from accounts.selectors.keyset import page
from accounts.views.paging import paging
from accounts.web import actor_of
from audit.actions import NotAllowed
from audit.exporting import BOM, safe_cell


def _require_looking(request: HttpRequest) -> bool:
    """Whether they may change accounts, too. Raises NotAllowed."""
    actor = actor_of(request)
    verdict = decide_org(actor, OrgCapability.ACCOUNTS)
    if not verdict and not decide_org(actor, OrgCapability.RECORD):
        raise NotAllowed(verdict.reason)
    return bool(verdict)


def _found(form: RegisterFilter) -> QuerySet[SocialAccount]:
    given = form.cleaned_data if form.is_valid() else {}
    return selectors.registered(
        text=given.get("q", "").strip(),
        platform=given.get("platform", ""),
        use=given.get("use", ""),
        owner=given.get("owner", ""),
    )


@require_GET
def register(request: HttpRequest) -> HttpResponse:
    may_change = _require_looking(request)
    form = RegisterFilter(request.GET)
    found = page(_found(form), by="display_name", cursor=request.GET.get("at", ""), size=25)
    query = request.GET.copy()
    query.pop("at", None)
    context = {
        "form": form,
        "entries": selectors.entries(found.items),
        "filtered": any(form.cleaned_data.values()) if form.is_valid() else False,
        "may_change": may_change,
        "days": settings.DORMANT_DAYS,
        "query": query.urlencode(),
        **paging(request, found),
    }
    return render(request, "accounts/full_register.html", context)


@require_GET
def register_csv(request: HttpRequest) -> HttpResponse:
    """All of what the filters show, as RFC 4180 text."""
    _require_looking(request)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="account-register.csv"'
    answer.write(BOM)
    writer = csv.writer(answer)
    writer.writerow(selectors.COLUMNS)
    for row in selectors.rows(_found(RegisterFilter(request.GET))):
        writer.writerow([safe_cell(cell) for cell in row])
    return answer

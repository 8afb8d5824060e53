"""People and the matrix of their levels."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.forms.people import MatrixFilter, PeopleFilter
from accounts.levels import Capability, OrgCapability
from accounts.models import SocialAccount, User
from accounts.policy import accounts_where, decide_org
from accounts.selectors import people as selectors
from accounts.selectors.keyset import page
from accounts.views.common import may_change_people, require_looking
from accounts.views.paging import paging
from accounts.web import actor_of
from audit.actions import NotAllowed

PEOPLE_A_PAGE = 25
ACCOUNTS_A_PAGE = 10


@require_GET
def people(request: HttpRequest) -> HttpResponse:
    require_looking(request)
    form = PeopleFilter(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    rows = selectors.people(
        text=given.get("q", "").strip(),
        role=given.get("role", ""),
        state=given.get("state", ""),
        team=given.get("team", ""),
    )
    found = page(rows, by="full_name", cursor=request.GET.get("at", ""))
    context = {
        "form": form,
        "people": found.items,
        "filtered": any(given.values()),
        "may_change": may_change_people(request),
        **paging(request, found),
    }
    return render(request, "accounts/people/people.html", context)


@require_GET
def matrix(request: HttpRequest) -> HttpResponse:
    require_looking(request)
    form = MatrixFilter(request.GET)
    given = form.cleaned_data if form.is_valid() else {}
    rows = selectors.people(text=given.get("q", "").strip(), team=given.get("team", ""))
    across = SocialAccount.objects.filter(display_name__icontains=given.get("account", "").strip())
    found = page(
        rows.filter(is_active=True),
        by="full_name",
        cursor=request.GET.get("at", ""),
        size=PEOPLE_A_PAGE,
    )
    columns = page(
        across, by="display_name", cursor=request.GET.get("across", ""), size=ACCOUNTS_A_PAGE
    )
    context = {
        "form": form,
        "rows": _rows(found.items, columns.items),
        "accounts": columns.items,
        "filtered": any(given.values()),
        **paging(request, found),
        "columns": paging(request, columns, key="across"),
    }
    return render(request, "accounts/people/matrix.html", context)


def _rows(
    people: list[User], accounts: list[SocialAccount]
) -> list[tuple[User, list[selectors.Cell | None]]]:
    cells = selectors.cells([p.pk for p in people], [a.pk for a in accounts])
    return [(p, [cells.get((p.pk, a.pk)) for a in accounts]) for p in people]


@require_GET
def options(request: HttpRequest) -> HttpResponse:
    """Suggestions while somebody names a person; for those who give things to people."""
    actor = actor_of(request)
    may = decide_org(actor, OrgCapability.ACCOUNTS)
    if not may and not accounts_where(actor, Capability.MANAGE).exists():
        raise NotAllowed(may.reason)
    typed = next(iter(request.GET.keys()), "")  # the field that asks names itself
    text = request.GET.get(typed, "").strip()[:100]
    return render(
        request, "accounts/people/_options.html", {"people": selectors.people_named(text)}
    )

"""The life of an account, and of a person's rights, as time lines."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.levels import Capability
from accounts.selectors.lives import account_life, person_life
from accounts.selectors.people import rights_of
from accounts.selectors.social import account_holdings, people_by_role
from accounts.views.common import (
    get_person,
    may_change_people,
    may_read_record,
    require_looking,
    see_account,
)
from accounts.web import actor_of, person_of
from audit.selectors.events import Cursor
from audit.services.reading import record_read


@require_safe
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Who could do what with an account, since when, and what was done to it."""
    found, rights = see_account(request, account_id)
    record_read(actor=actor_of(request), filters={"life_of_account": found})
    may_view = bool(rights.decide(Capability.VIEW, found))
    context = {
        "account": found,
        "life": account_life(found, _before(request)),
        "holdings": account_holdings(found),
        "by_role": people_by_role(),
        "may_view": may_view,
        "may_open_events": may_view,
        "here": reverse("audit:account_life", args=[found.pk]),
    }
    return render(request, "audit/account_life.html", context)


@require_safe
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    """Each right a person got and lost; what they did is a link for those who may see it."""
    if person_id != person_of(request).pk:
        require_looking(request)
    found = get_person(person_id)
    record_read(actor=actor_of(request), filters={"life_of_person": found})
    context = {
        "found": found,
        "life": person_life(found, _before(request)),
        "rights": rights_of(found),
        "may_look": may_change_people(request) or may_read_record(request),
        "may_open_events": may_read_record(request),
        "here": reverse("audit:person_life", args=[found.pk]),
    }
    return render(request, "audit/person_life.html", context)


def _before(request: HttpRequest) -> Cursor | None:
    return Cursor.read(request.GET.get("before", ""))

"""Teams, who is in them, and the levels they give."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.forms.people import MemberForm, TeamForm
from accounts.levels import OrgCapability
from accounts.models import Team
from accounts.policy import require_org
from accounts.selectors import people as selectors
from accounts.selectors.keyset import page
from accounts.services.teams import (
    team_change,
    team_create,
    team_member_add,
    team_member_remove,
)
from accounts.views.common import (
    get_person,
    may_change_people,
    require_looking,
    show_form,
    tell,
)
from accounts.views.paging import paging
from accounts.web import actor_of, show_invalid


@require_GET
def teams(request: HttpRequest) -> HttpResponse:
    require_looking(request)
    found = page(selectors.teams(), by="name", cursor=request.GET.get("at", ""))
    context = {
        "teams": found.items,
        "may_change": may_change_people(request),
        **paging(request, found),
    }
    return render(request, "accounts/teams/teams.html", context)


def _team(team_id: int) -> Team:
    return get_object_or_404(Team.objects.select_related("group"), pk=team_id)


@require_GET
def team(request: HttpRequest, team_id: int) -> HttpResponse:
    require_looking(request)
    return _show(request, _team(team_id), MemberForm())


def _show(request: HttpRequest, found: Team, form: MemberForm) -> HttpResponse:
    rows = selectors.people().filter(groups=found.group_id)
    members = page(rows, by="full_name", cursor=request.GET.get("at", ""), size=100)
    context = {
        "team": found,
        "members": members.items,
        "grants": selectors.grants_of_team(found),
        "may_change": may_change_people(request),
        **paging(request, members),
    }
    return show_form(request, form, "accounts/teams/team.html", **context)


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    form = TeamForm(request.POST or None)
    if form.is_valid():
        try:
            made = team_create(actor=actor_of(request), **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"The team {made} is there. Add its people next.")
            return redirect("people:team", made.pk)
    return show_form(request, form, "accounts/teams/edit.html")


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, team_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = _team(team_id)
    initial = {"name": found.name, "purpose": found.purpose}
    form = TeamForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            team_change(actor=actor_of(request), team=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
            found.refresh_from_db()
        else:
            tell(request, "Saved.")
            return redirect("people:team", found.pk)
    return show_form(request, form, "accounts/teams/edit.html", team=found)


@require_POST
def add(request: HttpRequest, team_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = _team(team_id)
    form = MemberForm(request.POST)
    if form.is_valid():
        user = form.cleaned_data["person"]
        try:
            team_member_add(actor=actor_of(request), team=found, user=user)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"{user} is in the team {found} and has its levels.")
            return redirect("people:team", found.pk)
    return _show(request, found, form)


@require_POST
def remove(request: HttpRequest, team_id: int, person_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found, user = _team(team_id), get_person(person_id)
    try:
        team_member_remove(actor=actor_of(request), team=found, user=user)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        tell(request, f"{user} is out of the team {found} and has lost its levels.")
    return redirect("people:team", found.pk)

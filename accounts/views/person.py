"""One person: every right and where it comes from; freezing and roles."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.forms.people import RolesForm
from accounts.forms.social import ReasonForm
from accounts.levels import OrgCapability
from accounts.models import User
from accounts.policy import org_capabilities, require_org
from accounts.selectors import people as selectors
from accounts.selectors.conditions import limits_of
from accounts.services.people import (
    ROLES,
    user_change_roles,
    user_freeze,
    user_unfreeze,
)
from accounts.views.common import (
    get_person,
    may_change_people,
    may_read_record,
    require_looking,
    show_form,
    tell,
)
from accounts.web import actor_of, person_of, show_invalid


@require_GET
def person(request: HttpRequest, person_id: int) -> HttpResponse:
    me = person_of(request)
    if person_id != me.pk:
        require_looking(request)
    found = get_person(person_id)
    context = {
        "found": found,
        "freeze_form": ReasonForm(),
        "is_me": found == me,
        "may_change": may_change_people(request),
        "may_look": may_change_people(request) or may_read_record(request),
        "may_read_record": may_read_record(request),
        **_standing(found),
    }
    return render(request, "accounts/people/person.html", context)


def _standing(user: User) -> dict[str, Any]:
    rights = selectors.rights_of(user)
    annotated = selectors.people().get(pk=user.pk)
    return {
        "has_mfa": annotated.has_mfa,  # type: ignore[attr-defined]  # annotated
        "teams": [group.team for group in annotated.team_groups],  # type: ignore[attr-defined]  # prefetched
        "rights": rights,
        "limits": limits_of(user, rights),
        "ended": selectors.rights_ended(user),
        "owned": list(user.owned_accounts.all()[:100]),
        "by_role": sorted(c.label for c in org_capabilities(user)),
    }


@require_http_methods(["GET", "POST"])
def freeze(request: HttpRequest, person_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = get_person(person_id)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        try:
            user_freeze(actor=actor_of(request), user=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"{found} is frozen: signed out, and nothing of theirs goes out.")
            return redirect("people:person", found.pk)
    return show_form(request, form, "accounts/people/freeze.html", found=found)


@require_POST
def unfreeze(request: HttpRequest, person_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = get_person(person_id)
    try:
        user_unfreeze(actor=actor_of(request), user=found)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        tell(request, f"{found} may work again. What was held stays held until it is released.")
    return redirect("people:person", found.pk)


@require_http_methods(["GET", "POST"])
def roles(request: HttpRequest, person_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = get_person(person_id)
    held = [role for role in ROLES if getattr(found, role)]
    form = RolesForm(request.POST or None, initial={"roles": held})
    if request.method == "POST":  # no box ticked is an empty form, and an answer
        form = RolesForm(request.POST)
    if form.is_bound and form.is_valid():
        try:
            user_change_roles(actor=actor_of(request), user=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"The roles of {found} are saved.")
            return redirect("people:person", found.pk)
    return show_form(request, form, "accounts/people/roles.html", found=found)

"""A person leaves: everything that will end, and then one button."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from accounts.errors import Invalid
from accounts.forms.people import LeaveForm
from accounts.levels import OrgCapability
from accounts.policy import require_org
from accounts.selectors.leaving import ending_of, leaving_problem
from accounts.services.leaving import user_leave
from accounts.views.common import get_person, show_form, tell
from accounts.web import actor_of, show_invalid
from mentions.selectors.day import assigned_number
from scheduling.selectors.posts import queued_by


@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, person_id: int) -> HttpResponse:
    actor = actor_of(request)
    require_org(actor, OrgCapability.PEOPLE)
    found = get_person(person_id)
    form = LeaveForm(request.POST or None)
    if form.is_valid():
        try:
            user_leave(actor=actor, user=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"The access of {found} is closed.")
            return redirect("people:person", found.pk)
    context = {
        "found": found,
        "problem": leaving_problem(actor, found),
        "ending": ending_of(found),
        "queued": queued_by(found),
        "conversations": assigned_number(found),
    }
    return show_form(request, form, "accounts/people/leave.html", **context)

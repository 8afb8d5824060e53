"""Inviting people."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.forms.people import InviteForm
from accounts.levels import OrgCapability
from accounts.models import Invitation, Team
from accounts.policy import require_org
from accounts.selectors import people as selectors
from accounts.services.people import ROLES, invitation_withdraw, user_invite
from accounts.views.common import may_change_people, require_looking, show_form, tell
from accounts.web import actor_of, show_invalid

SHOWN_AT_MOST = 200


@require_GET
def invitations(request: HttpRequest) -> HttpResponse:
    require_looking(request)
    shown = "all" if request.GET.get("shown") == "all" else "open"
    rows = list(selectors.invitations(shown=shown)[:SHOWN_AT_MOST])
    context = {"invitations": rows, "shown": shown, "may_change": may_change_people(request)}
    return render(request, "accounts/people/invitations.html", context)


@require_http_methods(["GET", "POST"])
def invite(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    form = InviteForm(request.POST or None)
    if form.is_valid():
        given = form.cleaned_data
        try:
            _send(request, given["email"], given["full_name"], given["roles"], given["teams"])
        except Invalid as error:
            show_invalid(form, error)
        else:
            return redirect("people:invitations")
    return show_form(request, form, "accounts/people/invite.html")


def _send(
    request: HttpRequest, email: str, full_name: str, roles: list[str], teams: list[Team]
) -> None:
    try:
        user_invite(
            actor=actor_of(request), email=email, full_name=full_name, roles=roles, teams=teams
        )
    except OSError:  # the mail server's; the invitation itself is made by then
        messages.error(
            request,
            f"The invitation was made, but the e-mail to {email} could not be sent. "
            "When e-mail works again, send it once more from this list.",
        )
    else:
        tell(request, f"An invitation is on its way to {email}.")


@require_POST
def again(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """A fresh link for the same person; the earlier one stops working."""
    require_org(actor_of(request), OrgCapability.PEOPLE)
    old = get_object_or_404(Invitation, pk=invitation_id)
    roles = [role for role in ROLES if getattr(old, role)]
    try:
        _send(request, old.email, old.full_name, roles, list(old.teams.all()))
    except Invalid as error:
        messages.error(request, error.message)
    return redirect("people:invitations")


@require_POST
def withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    invitation = get_object_or_404(Invitation, pk=invitation_id)
    try:
        invitation_withdraw(actor=actor_of(request), invitation=invitation)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        tell(request, f"The link sent to {invitation.email} no longer works.")
    return redirect("people:invitations")

"""Accepting an invitation. Its token is in the address for one request and never on a page."""

from __future__ import annotations

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import Invalid
from accounts.forms.people import JoinForm
from accounts.models import Invitation, User
from accounts.sealing import SealBroken, seal, unseal
from accounts.services.people import invitation_accept
from accounts.views.common import show_form
from accounts.web import actor_of, show_invalid

_KEPT = "invitation"


@never_cache
@require_safe
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """Move the token from the address into the session, sealed, and make the address clean."""
    request.session[_KEPT] = str(seal(token, binding=_KEPT))
    answer = redirect("people:join")
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    if request.user.is_authenticated:
        return render(request, "accounts/people/join_signed_in.html")
    token = _token(request)
    invitation = Invitation.objects.filter(token_hash=Invitation.hash_of(token)).first()
    if invitation is None or not invitation.is_open:
        return _closed(request, invitation)
    form = JoinForm(request.POST or None, initial={"full_name": invitation.full_name})
    if form.is_valid():
        try:
            user = invitation_accept(
                actor=actor_of(request),
                token=token,
                full_name=form.cleaned_data["full_name"],
                password=form.cleaned_data["password"],
            )
        except Invalid as error:
            show_invalid(form, error)
        else:
            return _signed_in(request, user)
    return show_form(request, form, "accounts/people/join.html", invitation=invitation)


def _token(request: HttpRequest) -> str:
    try:
        return unseal(str(request.session.get(_KEPT, "")), binding=_KEPT)
    except SealBroken:
        return ""


def _closed(request: HttpRequest, invitation: Invitation | None) -> HttpResponse:
    context = {"invitation": invitation}
    return render(request, "accounts/people/join_closed.html", context, status=410)


def _signed_in(request: HttpRequest, user: User) -> HttpResponse:
    request.session.pop(_KEPT, None)
    login(request, user, backend=settings.AUTHENTICATION_BACKENDS[1])
    # They have just chosen their password: setting up the second factor need not ask for it.
    reauthenticate_by_password(request)
    return redirect(settings.LOGIN_REDIRECT_URL)

"""How the platforms stand: which are down, what is tried next, and what is left of their rates."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.policy import accounts_where
from accounts.web import actor_of
from audit.actions import NotAllowed
from operations.views.common import require_watching
from scheduling.selectors.platforms import standings


@require_GET
def platforms(request: HttpRequest) -> HttpResponse:
    """For those who watch over the desk all of it; for managers what their accounts are on."""
    accounts = accounts_where(actor_of(request), Capability.MANAGE)
    watching = True
    try:
        require_watching(request)
        accounts = SocialAccount.objects.all()
    except NotAllowed:
        watching = False
        if not accounts.exists():
            raise
    found, known = standings(accounts)
    context = {"standings": found, "known": known, "watching": watching}
    return render(request, "operations/platforms.html", context)

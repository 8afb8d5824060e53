"""What every request passes: who acts, whether they may go on, and how refusals are answered."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django_structlog.middlewares import RequestMiddleware

from accounts.models import User
from accounts.policy import standing
from accounts.web import actor_of
from audit.actions import NotAllowed, refusal_record
from audit.actors import Actor
from socialdesk.logs import without_secrets

OPEN_PATHS = (
    *("/auth/", "/people/join/", "/healthz", "/readyz", "/metrics", "/static/", "/fetch/"),
    "/oauth-client-metadata.json",
)
"""Where one may go without being signed in; everything else asks for it."""

ANSWERS_OF_PLATFORMS = "/accounts/connect/back/"
"""Where platforms send people back to, with a code in the address."""


def client_address(request: HttpRequest) -> str:
    """The visitor's address, counting back over the proxies we trust and no further."""
    direct = str(request.META.get("REMOTE_ADDR") or "")
    if settings.PROXIES:
        chain = [p.strip() for p in request.headers.get("X-Forwarded-For", "").split(",") if p]
        if len(chain) >= settings.PROXIES:
            return chain[-settings.PROXIES][:45]
    return direct


class LogMiddleware(RequestMiddleware):
    """Logs requests without what in an address is secret or searched for."""

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {without_secrets(request.path)}"


class NulMiddleware:
    """Takes NUL out of what was sent: no keyboard writes it, and PostgreSQL cannot hold it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "%00" in request.META.get("QUERY_STRING", ""):
            request.GET = _without_nul(request.GET)  # type: ignore[assignment]  # writable once more
        if request.method == "POST" and any(
            "\0" in v for _, vs in request.POST.lists() for v in vs
        ):
            request.POST = _without_nul(request.POST)  # type: ignore[assignment]  # as above
        return self.get_response(request)


def _way_back(request: HttpRequest) -> str:
    """Where to go after signing in; what a platform sent along is left behind."""
    if request.path.startswith(ANSWERS_OF_PLATFORMS):
        return request.path
    return request.get_full_path()


def _without_nul(given: QueryDict) -> QueryDict:
    cleaned = QueryDict(mutable=True)
    for name, values in given.lists():
        cleaned.setlist(name.replace("\0", ""), [value.replace("\0", "") for value in values])
    cleaned._mutable = False
    return cleaned


class DeskMiddleware:
    """Names the actor, asks for sign-in, stops the frozen, and answers refusals with a reason."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        address = client_address(request)

        user = request.user
        request.actor = (  # type: ignore[attr-defined]  # accounts.web.DeskRequest names it
            Actor.person(user, address=address)
            if user.is_authenticated
            else Actor.anonymous(address=address)
        )
        if user.is_authenticated:
            timezone.activate(ZoneInfo(user.zone_name))
        try:
            return self._stop(request) or self.get_response(request)
        finally:
            timezone.deactivate()

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, NotAllowed):
            return None
        attempted = request.resolver_match.view_name if request.resolver_match else request.path
        refusal_record(actor=actor_of(request), refusal=error, attempted=attempted)
        if error.hidden:
            return render(request, "404.html", status=404)
        return render(request, "403.html", {"reason": error.reason}, status=403)

    def _stop(self, request: HttpRequest) -> HttpResponse | None:
        open_to_all = request.path.startswith(OPEN_PATHS)
        if not request.user.is_authenticated:
            return None if open_to_all else redirect_to_login(_way_back(request))
        user = request.user
        assert isinstance(user, User)
        if user.is_frozen or not user.is_active:
            logout(request)
            return redirect("account_inactive")
        if not open_to_all and not standing(user):
            return redirect("mfa_index")
        return None

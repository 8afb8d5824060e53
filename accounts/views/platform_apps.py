"""The administrators' page about platforms: by which app credentials accounts are connected."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.authorising import document_address, redirect_uri
from accounts.connections import network_policy
from accounts.errors import Invalid
from accounts.forms.connecting import AppForm
from accounts.levels import OrgCapability
from accounts.models import PlatformApp
from accounts.policy import require_org
from accounts.sealing import SealBroken
from accounts.selectors.apps import accounts_by, apps_of, entries, sharing
from accounts.services.apps import app_remove, app_set
from accounts.views.common import show_form, tell
from accounts.views.connecting import connectable
from accounts.web import actor_of, show_invalid
from platforms.apps import Standing, Told, app_test, document_problem
from platforms.contract import PlatformInfo
from platforms.oauth import app_platform
from platforms.registry import platform_info, plugin_problems


@require_GET
def platforms(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    context = {
        "entries": entries(),
        "problems": plugin_problems(),
        "may_see_organisation": True,
    }
    return render(request, "accounts/settings/platforms.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def platform(request: HttpRequest, platform: str) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    info = _with_app(platform)
    form = AppForm(info, request.POST or None)
    if form.is_valid():
        try:
            app_set(actor=actor_of(request), platform=info.key, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, "Saved. Test them now, and then connect an account.")
            return redirect("platform_app", info.key)
    apps = list(apps_of(info.key))
    context = {
        "info": info,
        "oauth": info.oauth,
        "redirect_uri": redirect_uri(info.key),
        "document": document_address(),
        "problem": _problem(info),
        "shared_by": sharing(info.key),
        "rows": [(app, accounts_by(app)) for app in apps],
        "may_see_organisation": True,
    }
    return show_form(request, form, "accounts/settings/platform.html", **context)


def _problem(info: PlatformInfo) -> str:
    """Why nobody can sign in there, whoever registers what; '' when nothing stands against it."""
    if info.oauth is None or not info.oauth.by_document:
        return ""
    return document_problem(info.key, document_address(), redirect_uri(info.key))


def _with_app(platform: str) -> PlatformInfo:
    """A platform that has app credentials of its own. Raises Http404."""
    info = connectable(platform)
    if info.oauth is None or app_platform(info.key) != info.key:
        raise Http404
    return info


@require_POST
def test(request: HttpRequest, app_id: UUID) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    app = get_object_or_404(PlatformApp, pk=app_id)
    told = _tested(app)
    level = {
        Standing.KNOWN: messages.SUCCESS,
        Standing.OPEN: messages.WARNING,
        Standing.WRONG: messages.ERROR,
    }
    messages.add_message(request, level[told.standing], told.words)
    return redirect(f"{reverse('platform_app', args=[app.platform])}#app-{app.pk}")


def _tested(app: PlatformApp) -> Told:
    try:
        credentials = app.credentials()
    except SealBroken as broken:
        return Told(Standing.WRONG, f"{broken} Enter them again.")
    told = app_test(
        app.platform,
        credentials,
        redirect_uri=redirect_uri(app.platform),
        network=network_policy(),
        base_url=app.base_url,
    )
    declared = platform_info(app.platform).oauth
    if told.standing is not Standing.KNOWN or (declared and declared.by_document):
        return told
    return Told(
        told.standing,
        f"{told.words} Whether the redirect address is entered there shows only when somebody "
        "connects an account.",
    )


@require_POST
def remove(request: HttpRequest, app_id: UUID) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    app = get_object_or_404(PlatformApp, pk=app_id)
    app_remove(actor=actor_of(request), app=app)
    tell(request, f"The app credentials of {app} are forgotten.")
    return redirect("platform_app", app.platform)

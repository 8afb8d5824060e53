"""Connecting an account, and giving it new credentials."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts.connections import account_prove, app_of
from accounts.errors import Invalid
from accounts.forms.connecting import BeginForm, first_words
from accounts.forms.social import ConnectForm, ReconnectForm
from accounts.levels import OrgCapability
from accounts.models import SocialAccount
from accounts.policy import decide_org, require_org
from accounts.services.social import account_connect, account_reconnect
from accounts.views.common import manage_account, tell
from accounts.web import actor_of, person_of, show_invalid
from platforms.contract import PlatformInfo
from platforms.oauth import app_platform
from platforms.registry import UnknownPlatform, platform_info, platform_keys


@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.ACCOUNTS)
    platforms = [platform_info(key) for key in platform_keys()]
    return render(request, "accounts/connect_choose.html", {"platforms": platforms})


def connectable(platform: str) -> PlatformInfo:
    """What is declared of a platform. Raises Http404 where there is none of this name."""
    try:
        return platform_info(platform)
    except UnknownPlatform:
        raise Http404 from None


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, platform: str) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.ACCOUNTS)
    info = connectable(platform)
    form = _connect_form(request, info, request.POST or None)
    if form.is_valid():
        account = _connected(request, info, form)
        if account is not None:
            tell(request, f"{account} is connected. Say next who may do what with it.")
            return redirect("accounts:account", account.pk)
    return show_connect(request, info, form=form)


def _connect_form(request: HttpRequest, info: PlatformInfo, data: Any = None) -> ConnectForm:
    first = {"base_url": info.default_base_url, **first_words(person_of(request))}
    return ConnectForm(info, data, initial=first)


def show_connect(
    request: HttpRequest,
    info: PlatformInfo,
    *,
    form: ConnectForm | None = None,
    begin_form: BeginForm | None = None,
) -> HttpResponse:
    """The page with both ways of connecting an account; one of the forms may come corrected."""
    context = _ways(request, info, begin_form)
    form = form or _connect_form(request, info)
    return _show(request, "accounts/connect.html", {"form": form, **context})


def _ways(
    request: HttpRequest, info: PlatformInfo, begin_form: BeginForm | None, base_url: str = ""
) -> dict[str, Any]:
    oauth = info.oauth
    server = base_url or info.default_base_url
    return {
        "info": info,
        "begin_form": begin_form or BeginForm(info, base_url=base_url),
        "by_browser": bool(oauth and (oauth.by_itself or app_of(info.key, server))),
        "app_platform": app_platform(info.key),
        "may_set_app": bool(decide_org(actor_of(request), OrgCapability.SETTINGS)),
    }


def _show(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    forms = (context["form"], context["begin_form"])
    wrong = any(form.is_bound and form.errors for form in forms)
    return render(request, template, context, status=422 if wrong else 200)


def _connected(request: HttpRequest, info: PlatformInfo, form: ConnectForm) -> SocialAccount | None:
    given = form.cleaned_data
    try:
        proven = account_prove(
            platform=info.key,
            handle=given["handle"],
            base_url=given.get("base_url", ""),
            secret=given["secret"],
        )
        return account_connect(
            actor=actor_of(request),
            proven=proven,
            owner=given["owner"],
            time_zone=given["time_zone"],
            purpose=given["purpose"],
            approval_required=given["approval_required"],
        )
    except Invalid as error:
        show_invalid(form, error)
        return None


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def reconnect(request: HttpRequest, account_id: int) -> HttpResponse:
    account = manage_account(request, account_id)
    form = ReconnectForm(account.info, request.POST or None)
    if form.is_valid():
        try:
            proven = account_prove(
                platform=account.platform,
                handle=account.handle,
                base_url=account.base_url,
                secret=form.cleaned_data["secret"],
            )
            account_reconnect(actor=actor_of(request), account=account, proven=proven)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"{account} is connected with the new credentials.")
            return redirect("accounts:account", account.pk)
    return show_reconnect(request, account, form=form)


def show_reconnect(
    request: HttpRequest,
    account: SocialAccount,
    *,
    form: ReconnectForm | None = None,
    begin_form: BeginForm | None = None,
) -> HttpResponse:
    """The same for an account that is known."""
    context = _ways(request, account.info, begin_form, account.base_url)
    context |= {"form": form or ReconnectForm(account.info), "account": account}
    return _show(request, "accounts/reconnect.html", context)

"""Connecting an account, and giving it new credentials."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from accounts.connections import account_prove
from accounts.errors import Invalid
from accounts.forms.social import ConnectForm, ReconnectForm
from accounts.levels import OrgCapability
from accounts.models import SocialAccount
from accounts.policy import require_org
from accounts.services.social import account_connect, account_reconnect
from accounts.views.common import manage_account, show_form, tell
from accounts.web import actor_of, person_of, show_invalid
from platforms.contract import PlatformInfo
from platforms.registry import UnknownPlatform, platform_info, platform_keys


@require_GET
def choose(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.ACCOUNTS)
    platforms = [platform_info(key) for key in platform_keys()]
    return render(request, "accounts/connect_choose.html", {"platforms": platforms})


@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def connect(request: HttpRequest, platform: str) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.ACCOUNTS)
    try:
        info = platform_info(platform)
    except UnknownPlatform:
        raise Http404 from None
    form = ConnectForm(info, request.POST or None, initial=_first_values(request, info))
    if form.is_valid():
        account = _connected(request, info, form)
        if account is not None:
            tell(request, f"{account} is connected. Say next who may do what with it.")
            return redirect("accounts:account", account.pk)
    return show_form(request, form, "accounts/connect.html", info=info)


def _first_values(request: HttpRequest, info: PlatformInfo) -> dict[str, Any]:
    return {
        "base_url": info.default_base_url,
        "owner": person_of(request).email,
        "time_zone": settings.TIME_ZONE,
    }


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
    return show_form(request, form, "accounts/reconnect.html", account=account)

"""The page of one account, and what its managers do there."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.forms.social import AccountForm, ReasonForm
from accounts.health import account_check
from accounts.levels import Capability
from accounts.policy import decide
from accounts.selectors.social import account_holdings, lockdown_told, people_by_role
from accounts.services.lockdowns import account_lock_down
from accounts.services.social import (
    account_change,
    account_disconnect,
    account_freeze,
    account_unfreeze,
)
from accounts.views.common import (
    manage_account,
    see_account,
    show_form,
    tell,
)
from accounts.web import actor_of, person_of, show_invalid


@require_GET
def account(request: HttpRequest, account_id: int) -> HttpResponse:
    found, rights = see_account(request, account_id)
    context = {
        "account": found,
        "holdings": account_holdings(found),
        "by_role": people_by_role(),
        "may_manage": bool(rights.decide(Capability.MANAGE, found)),
        "may_view": bool(rights.decide(Capability.VIEW, found)),
        "lockdown": lockdown_told(found),
        "freeze_form": ReasonForm(),
        "lock_down_form": _lock_down_form(),
        "me": person_of(request),
    }
    return render(request, "accounts/account.html", context)


@require_POST
def check(request: HttpRequest, account_id: int) -> HttpResponse:
    found = manage_account(request, account_id)
    if not found.is_connected:
        messages.error(request, f"{found} is disconnected. Reconnect it first.")
        return redirect("accounts:account", found.pk)
    error = account_check(actor=actor_of(request), account=found)
    if error is None:
        tell(request, f"{found.info.label} answered: the account works.")
    else:
        messages.error(request, f"{found.info.label}: {error.message}")
    return redirect("accounts:account", found.pk)


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, account_id: int) -> HttpResponse:
    found = manage_account(request, account_id)
    initial = {
        "display_name": found.display_name,
        "owner": found.owner.email,
        "purpose": found.purpose,
        "time_zone": found.time_zone,
        "approval_required": found.approval_required,
        "service_hours": found.service_hours,
    }
    form = AccountForm(request.POST or None, initial=initial)
    if form.is_valid():
        try:
            account_change(actor=actor_of(request), account=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, "Saved.")
            return redirect("accounts:account", found.pk)
    return show_form(request, form, "accounts/account_change.html", account=found)


@require_http_methods(["GET", "POST"])
def freeze(request: HttpRequest, account_id: int) -> HttpResponse:
    found = manage_account(request, account_id)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        try:
            account_freeze(actor=actor_of(request), account=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"{found} is frozen. Nothing goes out from it.")
            return redirect("accounts:account", found.pk)
    may_view = bool(decide(actor_of(request), Capability.VIEW, found))
    return show_form(request, form, "accounts/freeze.html", account=found, may_view=may_view)


@require_POST
def unfreeze(request: HttpRequest, account_id: int) -> HttpResponse:
    found = manage_account(request, account_id)
    try:
        account_unfreeze(actor=actor_of(request), account=found)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        tell(request, f"{found} may post again. What was held stays held until it is released.")
    return redirect("accounts:account", found.pk)


@require_http_methods(["GET", "POST"])
def lock_down(request: HttpRequest, account_id: int) -> HttpResponse:
    found = manage_account(request, account_id)
    form = _lock_down_form(request.POST or None)
    if form.is_valid():
        try:
            account_lock_down(actor=actor_of(request), account=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"{found} is locked down. Read below what is left to do.")
            return redirect("accounts:account", found.pk)
    may_view = bool(decide(actor_of(request), Capability.VIEW, found))
    return show_form(request, form, "accounts/lock_down.html", account=found, may_view=may_view)


def _lock_down_form(data: QueryDict | None = None) -> ReasonForm:
    """With a reason at hand: whoever needs this has no time for words. Two of it on one page."""
    initial = {"reason": "The account may have been taken over."}
    return ReasonForm(data, initial=initial, auto_id="id_lock_down_%s")


@require_http_methods(["GET", "POST"])
def disconnect(request: HttpRequest, account_id: int) -> HttpResponse:
    found = manage_account(request, account_id)
    form = ReasonForm(request.POST or None)
    if form.is_valid():
        try:
            account_disconnect(actor=actor_of(request), account=found, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, f"{found} is disconnected. Its credentials are gone; its history stays.")
            return redirect("accounts:account", found.pk)
    return show_form(request, form, "accounts/disconnect.html", account=found)

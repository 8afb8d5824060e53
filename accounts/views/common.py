"""What the pages of this room share."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.forms import BaseForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from accounts.levels import Capability, OrgCapability
from accounts.models import SocialAccount, User
from accounts.policy import Rights, decide_org, require
from accounts.web import actor_of
from audit.actions import NotAllowed


def see_account(request: HttpRequest, account_id: int) -> tuple[SocialAccount, Rights]:
    """An account one may view or manage, and what one may do. Raises Http404, NotAllowed."""
    account = _account(account_id)
    actor = actor_of(request)
    rights = Rights(actor, [account])
    viewing = rights.decide(Capability.VIEW, account)
    if not viewing and not decide_org(actor, OrgCapability.ACCOUNTS):
        raise NotAllowed(viewing.reason, hidden=viewing.hidden)
    return account, rights


def manage_account(request: HttpRequest, account_id: int) -> SocialAccount:
    """An account one may manage, by level or by role. Raises Http404, NotAllowed."""
    account = _account(account_id)
    require(actor_of(request), Capability.MANAGE, account)  # an administrator's role gives it
    return account


def _account(account_id: int) -> SocialAccount:
    return get_object_or_404(
        SocialAccount.objects.select_related("owner", "frozen_by", "credential__app"), pk=account_id
    )


def require_looking(request: HttpRequest) -> None:
    """People, teams and levels are for administrators and, to read, auditors. Raises NotAllowed."""
    actor = actor_of(request)
    verdict = decide_org(actor, OrgCapability.PEOPLE)
    if not verdict and not decide_org(actor, OrgCapability.RECORD):
        raise NotAllowed(verdict.reason)


def may_change_people(request: HttpRequest) -> bool:
    return bool(decide_org(actor_of(request), OrgCapability.PEOPLE))


def may_read_record(request: HttpRequest) -> bool:
    return bool(decide_org(actor_of(request), OrgCapability.RECORD))


def get_person(person_id: int) -> User:
    """Raises Http404."""
    return get_object_or_404(User.objects.select_related("frozen_by"), pk=person_id)


def show_form(
    request: HttpRequest, form: BaseForm, template: str = "accounts/form_page.html", **context: Any
) -> HttpResponse:
    """A page with a form; 422 when what was sent has to be corrected."""
    status = 422 if form.is_bound and form.errors else 200
    return render(request, template, {"form": form, **context}, status=status)


def tell(request: HttpRequest, words: str) -> None:
    messages.success(request, words)


def number_or_404(text: str) -> int:
    """A primary key from an address. Raises Http404."""
    if not text.isdecimal() or len(text) > 18:
        raise Http404
    return int(text)

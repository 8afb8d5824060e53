"""Giving, changing and ending levels on one account."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.forms.social import GrantForm
from accounts.models import Grant, SocialAccount, Team, User
from accounts.selectors.people import SHOWN_AT_MOST, members, people_named, teams_named
from accounts.services.grants import grant_end, grant_set
from accounts.views.common import manage_account, number_or_404, see_account, show_form, tell
from accounts.web import actor_of, person_of, show_invalid

NAMED_AT_MOST = 100


@require_http_methods(["GET", "POST"])
def give(request: HttpRequest, account_id: int) -> HttpResponse:
    """First who, then which level: two steps at one address."""
    account = manage_account(request, account_id)
    named = request.POST.get("holder") or request.GET.get("holder", "")
    if not named:
        return _who(request, account)
    holder = _holder(named)
    current = _current(account, holder)
    form = GrantForm(account, request.POST or None, initial=_as_it_is(account, current))
    if form.is_valid() and _given(request, account, holder, form):
        tell(request, f"{holder} is now {form.cleaned_data['level']} on {account}.")
        return redirect("accounts:account", account.pk)
    return show_form(
        request,
        form,
        "accounts/grant.html",
        account=account,
        holder=holder,
        named=named,
        current=current,
    )


def _who(request: HttpRequest, account: SocialAccount) -> HttpResponse:
    text = request.GET.get("find", "").strip()[:100]
    people = [one for one in people_named(text) if one != person_of(request)]
    grants = list(Grant.objects.in_force().filter(account=account))
    by_person = {g.user_id: g.get_level_display() for g in grants if g.user_id}
    by_team = {g.team_id: g.get_level_display() for g in grants if g.team_id}
    context = {
        "account": account,
        "find": text,
        "teams": [(team, by_team.get(team.pk, "")) for team in teams_named(text)],
        "people": [(one, by_person.get(one.pk, "")) for one in people],
        "more": len(people) >= SHOWN_AT_MOST - 1,
    }
    return render(request, "accounts/grant_who.html", context)


def _holder(named: str) -> User | Team:
    kind, _, number = named.partition(":")
    if kind == "user":
        return get_object_or_404(User, pk=number_or_404(number))
    if kind == "team":
        return get_object_or_404(Team.objects.select_related("group"), pk=number_or_404(number))
    raise Http404


def _current(account: SocialAccount, holder: User | Team) -> Grant | None:
    who = {"user": holder} if isinstance(holder, User) else {"team": holder}
    return Grant.objects.in_force().filter(account=account, **who).first()


def _as_it_is(account: SocialAccount, grant: Grant | None) -> dict[str, object]:
    return {"level": grant.level} if grant else {}


def _given(
    request: HttpRequest, account: SocialAccount, holder: User | Team, form: GrantForm
) -> bool:
    try:
        grant_set(
            actor=actor_of(request),
            account=account,
            level=form.cleaned_data["level"],
            reason=form.cleaned_data["reason"],
            user=holder if isinstance(holder, User) else None,
            team=holder if isinstance(holder, Team) else None,
            ends_at=form.ends_at(),
        )
    except Invalid as error:
        at = "last_day" if error.field == "ends_at" else error.field
        show_invalid(form, Invalid(at, error.message))
        return False
    return True


@require_GET
def team_people(request: HttpRequest, account_id: int, grant_id: int) -> HttpResponse:
    """Whom a team's level reaches: a fragment of the account's page, or a page of its own."""
    account, _ = see_account(request, account_id)
    grants = Grant.objects.in_force().filter(account=account, team__isnull=False)
    grant = get_object_or_404(grants.select_related("team"), pk=grant_id)
    assert grant.team is not None
    people = members(grant.team)
    context = {
        "account": account,
        "team": grant.team,
        "members": people[:NAMED_AT_MOST],
        "more": max(0, people.count() - NAMED_AT_MOST),
    }
    fragment = getattr(request, "htmx", False)
    template = "accounts/_team_people.html" if fragment else "accounts/team_people.html"
    return render(request, template, context)


@require_POST
def end(request: HttpRequest, account_id: int, grant_id: int) -> HttpResponse:
    account = manage_account(request, account_id)
    grants = Grant.objects.select_related("account", "user", "team__group")
    grant = get_object_or_404(grants, pk=grant_id, account=account)
    try:
        grant_end(actor=actor_of(request), grant=grant, reason=request.POST.get("reason", "")[:300])
    except Invalid as error:
        messages.error(request, error.message)
    else:
        tell(request, f"{grant.holder} has no level of their own on {account} any more.")
    return redirect("accounts:account", account.pk)

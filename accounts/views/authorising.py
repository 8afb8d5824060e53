"""Connecting in the browser: the way to a platform, the way back, and choosing what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import ParamSpec
from urllib.parse import urlsplit
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import authorising
from accounts.authorising import Found, NotTaken
from accounts.errors import Invalid
from accounts.forms.connecting import BeginForm, FoundForm, first_words
from accounts.models import AuthorisationRequest, SocialAccount
from accounts.policy import require_connect
from accounts.sealing import SealBroken
from accounts.services.social import account_connect, account_reconnect
from accounts.views.common import manage_account, tell
from accounts.views.connecting import connectable, show_connect, show_reconnect
from accounts.views.connecting_failed import DENIALS, failed
from accounts.web import actor_of, person_of, show_invalid
from audit.actions import NotAllowed, refusal_record
from platforms.contract import Offered, PlatformError, PlatformInfo
from platforms.oauth import app_platform
from platforms.registry import platform_info

P = ParamSpec("P")


def without_referrer(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """What comes next is not told where the person comes from."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(*args, **kwargs)
        response["Referrer-Policy"] = "no-referrer"
        return response

    return answer


# --- there ------------------------------------------------------------------------------------


@require_POST
@never_cache
@without_referrer
def begin(request: HttpRequest, platform: str) -> HttpResponse:
    require_connect(actor_of(request), None)
    info = _with_oauth(connectable(platform))
    form = BeginForm(info, request.POST)
    if form.is_valid():
        try:
            given = form.cleaned_data
            return _go(request, info, given.get("base_url", ""), who=given.get("who", ""))
        except Invalid as error:
            show_invalid(form, error)
    return show_connect(request, info, begin_form=form)


@require_POST
@never_cache
@without_referrer
def begin_again(request: HttpRequest, account_id: int) -> HttpResponse:
    account = manage_account(request, account_id)
    info = _with_oauth(account.info)
    form = BeginForm(info, request.POST, base_url=account.base_url)
    if form.is_valid():
        try:
            return _go(request, info, account.base_url, account, who=account.remote_id)
        except Invalid as error:
            show_invalid(form, error)
    return show_reconnect(request, account, begin_form=form)


def _with_oauth(info: PlatformInfo) -> PlatformInfo:
    if info.oauth is None:
        raise Http404
    return info


def _go(
    request: HttpRequest,
    info: PlatformInfo,
    base_url: str,
    account: SocialAccount | None = None,
    *,
    who: str,
) -> HttpResponse:
    """A page with the way there: a redirect from a form to another site is not let through."""
    app = authorising.app_to_connect_by(
        actor=actor_of(request), platform=info.key, base_url=base_url, account=account
    )
    address = authorising.request_begin(
        person=person_of(request),
        session_key=_session(request),
        app=app,
        account=account,
        who=who,
    )
    at = urlsplit(address)
    server = f"{at.scheme}://{at.netloc}"
    context = {"info": info, "address": address, "account": account, "server": server}
    return render(request, "accounts/connect_go.html", context)


def _session(request: HttpRequest) -> str:
    if not request.session.session_key:
        raise Http404
    return str(request.session.session_key)


# --- and back ---------------------------------------------------------------------------------


@require_GET
@never_cache
@without_referrer
def back(request: HttpRequest, platform: str) -> HttpResponse:
    """Whatever comes of it, the next address holds nothing of what the platform sent."""
    info = _with_oauth(connectable(platform))
    state = request.GET.get("state", "")
    try:
        asked = authorising.request_take(
            platform=app_platform(platform),
            state=state,
            person=person_of(request),
            session_key=_session(request),
        )
        require_connect(actor_of(request), asked.account)
    except NotTaken as not_taken:
        if not_taken.why == "foreign":
            _on_record(request, NotAllowed("This answer of a platform belongs to another session."))
        return failed(request, info, not_taken.why if state else "unknown")
    except NotAllowed as refusal:
        _on_record(request, refusal)
        return failed(request, info, "not_allowed")
    if error := request.GET.get("error") or request.GET.get("error_code"):
        return failed(request, info, "denied" if error in DENIALS else "error", asked.account)
    if not request.GET.get("code"):
        return failed(request, info, "no_code", asked.account)
    return _agreed(request, info, asked)


def _on_record(request: HttpRequest, refusal: NotAllowed) -> None:
    refusal_record(actor=actor_of(request), refusal=refusal, attempted="accounts:connect_back")


def _agreed(request: HttpRequest, info: PlatformInfo, asked: AuthorisationRequest) -> HttpResponse:
    try:
        given = request.GET
        offered = authorising.request_agreed(
            asked, given["code"], given["state"], given.get("iss", "")
        )
    except PlatformError as error:
        return failed(request, info, "refused", asked.account, error.message)
    except SealBroken as broken:
        return failed(request, info, "refused", asked.account, str(broken))
    if not offered:
        return failed(request, info, "nothing", asked.account)
    if asked.account is not None:
        return _reconnected(request, info, asked, offered)
    authorising.request_keep(asked, offered)
    return redirect("accounts:connect_found", asked.pk)


def _reconnected(
    request: HttpRequest,
    info: PlatformInfo,
    asked: AuthorisationRequest,
    offered: Sequence[Offered],
) -> HttpResponse:
    account = asked.account
    assert account is not None
    found = authorising.found_in(asked, offered)
    same = next((one for one in found if one.account == account), None)
    if same is None:
        others = ", ".join(one.identity.handle or one.identity.display_name for one in found[:5])
        detail = f"You agreed for {others}. This account is {account.handle}."
        return failed(request, info, "another", account, detail)
    try:
        proven = authorising.found_prove(asked, same)
        account_reconnect(actor=actor_of(request), account=account, proven=proven)
    except Invalid as error:
        return failed(request, info, "refused", account, error.message)
    authorising.request_forget(asked)
    tell(request, f"{account} is connected anew.")
    return redirect("accounts:account", account.pk)


# --- choosing ---------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@never_cache
def found(request: HttpRequest, request_id: UUID) -> HttpResponse:
    require_connect(actor_of(request), None)
    try:
        waiting = authorising.request_waiting(
            request_id=request_id, person=person_of(request), session_key=_session(request)
        )
        offers = authorising.request_found(waiting)
    except (NotTaken, SealBroken):
        return failed(request, None, "gone")
    forms = _forms(request, offers)
    chosen = [(one, form) for one, form in zip(offers, forms, strict=True) if _is_chosen(one, form)]
    if request.method == "POST" and chosen and _valid(chosen):
        done = [each for one, form in chosen if (each := _connected(request, waiting, one, form))]
        if len(done) == len(chosen):
            authorising.request_forget(waiting)
            return _connected_all(request, done)
        offers = authorising.request_found(waiting)
    context = {
        "info": platform_info(waiting.app.platform),
        "rows": list(zip(offers, forms, strict=True)),
        "new": sum(not one.account for one in offers),
        "none_chosen": request.method == "POST" and not chosen,
        "until": waiting.found_at and waiting.found_at + authorising.FOUND_LASTS,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "accounts/connect_found.html", context, status=status)


def _forms(request: HttpRequest, offers: Sequence[Found]) -> list[FoundForm]:
    first = first_words(person_of(request))
    first["chosen"] = sum(not one.account for one in offers) == 1
    return [
        FoundForm(request.POST or None, initial=first, prefix=f"a{number}")
        for number, _ in enumerate(offers)
    ]


def _is_chosen(one: Found, form: FoundForm) -> bool:
    return form.is_bound and one.account is None and bool(form["chosen"].data)


def _valid(chosen: Sequence[tuple[Found, FoundForm]]) -> bool:
    answers = [form.is_valid() for _, form in chosen]  # of each, to show all that is wrong
    return all(answers)


def _connected(
    request: HttpRequest, waiting: AuthorisationRequest, one: Found, form: FoundForm
) -> SocialAccount | None:
    given = form.cleaned_data
    try:
        return account_connect(
            actor=actor_of(request),
            proven=authorising.found_prove(waiting, one),
            owner=given["owner"],
            time_zone=given["time_zone"],
            purpose=given["purpose"],
            approval_required=given["approval_required"],
        )
    except Invalid as error:
        show_invalid(form, error)
        return None


def _connected_all(request: HttpRequest, accounts: Sequence[SocialAccount]) -> HttpResponse:
    if len(accounts) == 1:
        tell(request, f"{accounts[0]} is connected. Say next who may do what with it.")
        return redirect("accounts:account", accounts[0].pk)
    tell(request, f"{len(accounts)} accounts are connected. Say next who may do what with them.")
    return redirect("accounts:register")

"""Why nothing was connected, and what to do: one page for all that can go wrong on the way."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.models import SocialAccount
from accounts.policy import decide_connect
from accounts.web import actor_of
from platforms.contract import PlatformInfo
from platforms.registry import UnknownPlatform, platform_info

DENIALS = frozenset({"access_denied", "user_cancelled_login", "user_cancelled_authorize"})
"""What platforms say when a person did not agree; the last two are LinkedIn's."""
_KEPT = "connecting_failed"


@dataclass(frozen=True, slots=True)
class Failure:
    title: str
    text: str


FAILURES = {
    "denied": Failure(
        "You did not agree",
        "The request was declined at the platform. To connect the account, begin again and agree "
        "to everything that is asked for: without each of the permissions, part of the desk would "
        "not work.",
    ),
    "expired": Failure(
        "That took too long",
        "More than ten minutes passed on the way. Begin again; it can be finished at leisure once "
        "you are back here.",
    ),
    "used": Failure(
        "This answer was used already",
        "Each answer of a platform is taken once. Reloading the page or going back sends it again. "
        "If the account is not among yours, begin again.",
    ),
    "foreign": Failure(
        "This answer belongs to another session",
        "It was asked for by somebody else, or before you signed in anew, so it was thrown away. "
        "Begin again. If you did not ask for it yourself, tell your administrator: somebody may "
        "have tried to have you connect their account.",
    ),
    "unknown": Failure(
        "There was nothing to connect",
        "No answer of a platform came with this address, or none that was asked for here. If you "
        "were on the way and had to sign in again, begin again.",
    ),
    "no_code": Failure(
        "The platform sent nothing along",
        "It sent you back without saying yes or no. Begin again; if that comes to the same, an "
        "administrator should look at the app at the platform.",
    ),
    "error": Failure(
        "The platform reported an error",
        "It did not get as far as asking you. Mostly the app is not set up as it has to be there: "
        "an administrator should compare it with Settings, Platforms, above all the redirect "
        "address and the permissions.",
    ),
    "refused": Failure("The platform did not take it", "Begin again when that is put right."),
    "nothing": Failure(
        "There is no account to connect",
        "You agreed, but for no account that this desk could speak for. Be signed in there as "
        "somebody who manages it, begin again, and choose it when you are asked which.",
    ),
    "another": Failure(
        "That is another account",
        "Nothing was changed. Sign out at the platform, sign in as the right account, and begin "
        "again.",
    ),
    "not_allowed": Failure(
        "You may not connect this any more",
        "While you were away your rights changed. What you agreed to was thrown away. Ask an "
        "administrator.",
    ),
    "gone": Failure(
        "What was found is gone",
        "Accounts wait a quarter of an hour to be chosen, or until they are connected, and only in "
        "the session that found them. Begin again.",
    ),
}


def failed(
    request: HttpRequest,
    info: PlatformInfo | None,
    why: str,
    account: SocialAccount | None = None,
    detail: str = "",
) -> HttpResponse:
    """Go to the page that says why; `detail` in what way, in a sentence for people."""
    request.session[_KEPT] = {
        "why": why,
        "platform": info.key if info else "",
        "account": account.pk if account else None,
        "detail": detail,
    }
    return redirect("accounts:connect_failed", why)


@require_GET
@never_cache
def show(request: HttpRequest, why: str) -> HttpResponse:
    if why not in FAILURES:
        raise Http404
    kept = request.session.get(_KEPT) or {}
    if kept.get("why") != why:  # the page was opened by itself
        kept = {}
    account = SocialAccount.objects.filter(pk=kept.get("account") or 0).first()
    context = {
        "failure": FAILURES[why],
        "detail": kept.get("detail", ""),
        "info": _info(str(kept.get("platform", ""))),
        "account": account,
        "may_again": bool(decide_connect(actor_of(request), account)),
    }
    return render(request, "accounts/connect_failed.html", context)


def _info(key: str) -> PlatformInfo | None:
    try:
        return platform_info(key)
    except UnknownPlatform:
        return None

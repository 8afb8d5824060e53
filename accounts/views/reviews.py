"""Reviews of access: what waits for one's word, deciding it, and how far each review is."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import Invalid
from accounts.forms.reviews import ReviewForm
from accounts.levels import Level, OrgCapability
from accounts.models import AccessReview, SocialAccount
from accounts.policy import decide_org, decide_review, require_org
from accounts.selectors import reviews as selectors
from accounts.selectors.keyset import page
from accounts.services.reviews import review_decide, review_start
from accounts.views.common import may_change_people, may_read_record, show_form, tell
from accounts.views.paging import paging
from accounts.web import actor_of, show_invalid
from audit.actions import NotAllowed
from audit.actors import Actor

TIME = timedelta(days=21)
"""What is proposed as time to decide."""


def _may_look(actor: Actor) -> bool:
    wanted = (OrgCapability.ACCOUNTS, OrgCapability.RECORD)
    return any(decide_org(actor, capability) for capability in wanted)


@require_GET
def reviews(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    looks = _may_look(actor)
    context = {
        "tasks": selectors.tasks_of(actor),
        "may_look": looks,
        "may_see_people": may_change_people(request) or may_read_record(request),
        "reviews": selectors.reviews_with_progress() if looks else [],
        "may_start": bool(decide_org(actor, OrgCapability.ACCOUNTS)),
    }
    return render(request, "accounts/reviews/reviews.html", context)


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    require_org(actor, OrgCapability.ACCOUNTS)
    initial = {"levels": Level.values, "due_on": timezone.localdate() + TIME}
    form = ReviewForm(request.POST or None, initial=initial)
    if form.is_valid():
        given = dict(form.cleaned_data)
        given["accounts"] = list(given["accounts"]) or None
        try:
            made = review_start(actor=actor, **given)
        except Invalid as error:
            show_invalid(form, error)
        else:
            tell(request, "The review has begun. Owners and managers are told by e-mail.")
            return redirect("reviews:review", made.pk)
    return show_form(request, form, "accounts/reviews/new.html")


@require_GET
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    actor = actor_of(request)
    if not _may_look(actor):
        raise NotAllowed(decide_org(actor, OrgCapability.ACCOUNTS).reason)
    found = get_object_or_404(AccessReview, pk=review_id)
    under = page(
        selectors.accounts_under(found), by="display_name", cursor=request.GET.get("at", "")
    )
    context = {
        "review": found,
        "progress": selectors.progress_of(found),
        "rows": selectors.progress_on(found, under.items),
        "may_decide": bool(decide_org(actor, OrgCapability.ACCOUNTS)),
        **paging(request, under),
    }
    return render(request, "accounts/reviews/review.html", context)


@require_http_methods(["GET", "POST"])
def account(request: HttpRequest, review_id: int, account_id: int) -> HttpResponse:
    """The grants of one account: confirmed or removed one by one, or those chosen together."""
    actor = actor_of(request)
    on = get_object_or_404(SocialAccount.objects.select_related("owner"), pk=account_id)
    verdict = decide_review(actor, on)
    if not verdict:
        raise NotAllowed(verdict.reason, hidden=verdict.hidden)
    found = get_object_or_404(AccessReview, pk=review_id)
    if request.method == "POST" and _decide(request, found, on):
        return redirect("reviews:account", found.pk, on.pk)
    context = {
        "review": found,
        "account": on,
        "entries": selectors.entries(actor, found, on),
        "decided": selectors.decided(found, on),
        "most": selectors.WAITING_SHOWN,
        "is_open": found.is_open and found.due_at > timezone.now(),
        "may_look": _may_look(actor),
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "accounts/reviews/account.html", context, status=status)


def _decide(request: HttpRequest, found: AccessReview, on: SocialAccount) -> bool:
    """Do what the pressed button says: 'confirm', or 'confirm:17' for one alone."""
    what, _, one = request.POST.get("decision", "").partition(":")
    chosen = [one] if one else request.POST.getlist("i")
    items = [int(word) for word in chosen if word.isascii() and word.isdecimal() and len(word) < 19]
    try:
        if what not in ("confirm", "remove"):
            raise Invalid("", "Choose whether to confirm or to remove.")
        done = review_decide(
            actor=actor_of(request),
            review=found,
            account=on,
            items=items,
            confirm=what == "confirm",
        )
    except Invalid as error:
        messages.error(request, error.message)
        return False
    levels = f"{done} level{'' if done == 1 else 's'}"
    tell(request, f"{levels} confirmed." if what == "confirm" else f"{levels} taken away.")
    return True

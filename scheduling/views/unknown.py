"""Deliveries in doubt: what is known beside what the platform shows, and a person's word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import decide, require
from accounts.web import actor_of
from platforms.contract import PlatformError
from scheduling import settling
from scheduling.content import media_of
from scheduling.elements import elements_from
from scheduling.errors import Stale
from scheduling.models import Delivery
from scheduling.previews import media_shown, shown_of
from scheduling.selectors.posts import delivery_visible
from scheduling.selectors.story_steps import answer_words
from scheduling.selectors.unknown import PAGE, in_doubt
from scheduling.states import State
from scheduling.transitions import NoSuchMove


@require_GET
def unknown_list(request: HttpRequest) -> HttpResponse:
    """All that is in doubt, what waits longest first."""
    after = request.GET.get("after", "")
    number = int(after) if after.isascii() and after.isdecimal() and len(after) < 19 else 0
    rows = in_doubt(actor_of(request), after=number)
    shown = rows[:PAGE]
    older = f"?after={shown[-1].pk}" if len(rows) > PAGE else ""
    context = {"rows": shown, "older_url": older, "newer_url": "?" if number else ""}
    return render(request, "scheduling/unknown_list.html", context)


@require_GET
def unknown(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """One of them. The page itself asks for what the platform shows, so it never waits for it."""
    delivery = delivery_visible(actor_of(request), delivery_id)
    if delivery.state != State.UNKNOWN:
        return redirect("scheduling:post", delivery.post_id)
    return _page(request, delivery)


@require_GET
def unknown_posts(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """The account's recent posts, likely matches first; a part of the page."""
    delivery = delivery_visible(actor_of(request), delivery_id)
    require(actor_of(request), Capability.PUBLISH, delivery.account)
    context: dict[str, Any] = {"delivery": delivery}
    try:
        posts = settling.recent_posts(delivery)
    except PlatformError as error:
        context["error"] = error
    else:
        context["found"] = settling.candidates(delivery, posts)
    return render(request, "scheduling/_unknown_posts.html", context)


@require_POST
def unknown_settle(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """A person's word on it; refused, the page says why and keeps what was typed."""
    delivery = delivery_visible(actor_of(request), delivery_id)
    act = ANSWERS.get(request.POST.get("answer", ""))
    try:
        if act is None:
            raise Invalid("answer", "Choose what became of it.")
        messages.success(request, act(request, delivery))
    except Invalid as error:
        delivery.refresh_from_db()
        if delivery.state == State.UNKNOWN:
            return _page(request, delivery, error)
        messages.error(request, f"Nothing was changed. {error.message}")
    except (Stale, NoSuchMove):
        messages.error(request, "Nothing was changed. It has moved on since. Look again.")
    return redirect("scheduling:post", delivery.post_id)


def _page(request: HttpRequest, delivery: Delivery, error: Invalid | None = None) -> HttpResponse:
    attempts = list(delivery.attempts.order_by("pk"))
    context = {
        "delivery": delivery,
        "attempts": [(attempt, answer_words(attempt)) for attempt in attempts],
        "along": shown_of(elements_from(delivery.elements), media_shown(media_of(delivery))),
        "may_settle": bool(decide(actor_of(request), Capability.PUBLISH, delivery.account)),
        "error": error,
        "given": request.POST,
    }
    return render(request, "scheduling/unknown.html", context, status=422 if error else 200)


def _this(request: HttpRequest, delivery: Delivery) -> str:
    remote_id = request.POST.get("remote_id", "")
    settling.settle_as_post(
        actor=actor_of(request), delivery=delivery, remote_id=remote_id, note=_note(request)
    )
    return "Settled: it is published, and this is its post."


def _address(request: HttpRequest, delivery: Delivery) -> str:
    address = request.POST.get("address", "").strip()
    settled = settling.settle_by_address(
        actor=actor_of(request), delivery=delivery, address=address, note=_note(request)
    )
    if settled.remote_id:
        return "Settled: it is published, and its post was found at this address."
    return "Settled: it is published. It can be taken down only on the platform itself."


def _again(request: HttpRequest, delivery: Delivery) -> str:
    settling.settle_send_again(
        actor=actor_of(request),
        delivery=delivery,
        seen=request.POST.get("seen") == "yes",
        note=_note(request),
    )
    return "Settled: it is sent again now."


def _drop(request: HttpRequest, delivery: Delivery) -> str:
    settling.settle_drop(actor=actor_of(request), delivery=delivery, note=_note(request))
    return "Settled: it did not go out, and will not."


ANSWERS: dict[str, Callable[[HttpRequest, Delivery], str]] = {
    "this": _this,
    "address": _address,
    "again": _again,
    "drop": _drop,
}


def _note(request: HttpRequest) -> str:
    return request.POST.get("note", "").strip()[:500]

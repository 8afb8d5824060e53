"""One post: what became of it on each account, and what can be done about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import Invalid
from accounts.moments import known_zones
from accounts.policy import Rights
from accounts.web import actor_of, get_account, person_of
from scheduling.elements import elements_from
from scheduling.errors import Stale
from scheduling.models import Delivery
from scheduling.options import options_for
from scheduling.previews import media_shown, shown_of
from scheduling.selectors.corrections import Shown, corrections_of
from scheduling.selectors.day import next_out
from scheduling.selectors.posts import delivery_visible, post_editable, post_visible
from scheduling.services import deliveries, posts
from scheduling.states import State
from scheduling.times import due_from_local
from scheduling.transitions import NoSuchMove
from scheduling.withdrawal import withdraw


@require_GET
def post(request: HttpRequest, post_id: int) -> HttpResponse:
    """The post's page; while one of its deliveries is under way, the page asks how it stands."""
    actor = actor_of(request)
    found = post_visible(actor, post_id)
    told = corrections_of(found.deliveries.all())
    rights = Rights(actor, [delivery.account for delivery in found.deliveries.all()])
    rows = [
        (delivery, options_for(delivery, rights), told.get(delivery.pk, []))
        for delivery in found.deliveries.all()
    ]
    only = request.htmx and request.GET.get("part") == "deliveries"  # type: ignore[attr-defined]  # by middleware
    standing = "-".join(_standing(delivery, corrections) for delivery, _, corrections in rows)
    moved = only and request.GET.get("stood") != standing
    context = {
        "standing": standing,
        "moved": moved,
        "post": found,
        "zone": person_of(request).zone_name,
        "rows": rows,
        "along": shown_of(elements_from(found.elements), media_shown(found.media.all())),
        "can_edit": any(options.edit for _, options, _ in rows)
        and not any(options.take_back for _, options, _ in rows),
        "can_take_back": any(options.take_back for _, options, _ in rows),
        "look_again_s": _look_again_s(
            [delivery for delivery, _, _ in rows], [one for *_, of in rows for one in of]
        ),
    }
    template = "scheduling/_post_deliveries.html" if only else "scheduling/post.html"
    answer = render(request, template, context)
    if moved:
        answer["HX-Trigger"] = "post:moved"  # the story beside it is told again
    return answer


def _standing(delivery: Delivery, corrections: list[Shown]) -> str:
    """How a delivery stands, for an open page to tell whether anything has moved."""
    return ".".join([delivery.state, *(one.correction.state for one in corrections)])


def _look_again_s(deliveries: list[Delivery], corrections: list[Shown]) -> int:
    """After how many seconds an open page asks how it stands; 0: nothing moves by itself."""
    if any(one.correction.is_under_way for one in corrections):
        return 3
    soon = timezone.now() + timedelta(minutes=2)
    if any(d.state in (State.PUBLISHING, State.UNKNOWN) for d in deliveries):
        return 3
    if any(d.state == State.SCHEDULED and d.due_at and d.due_at < soon for d in deliveries):
        return 3
    waits = (State.IN_REVIEW, State.APPROVED, State.SCHEDULED)
    waiting = any(one.correction.is_open for one in corrections)
    return 15 if waiting or any(d.state in waits for d in deliveries) else 0


@require_GET
def account_next(request: HttpRequest, account_id: int) -> HttpResponse:
    """What goes out next on one account: a sheet for its page."""
    account = get_account(request, account_id)
    rows = next_out(actor_of(request), account_id=account.pk)
    return render(request, "scheduling/_account_next.html", {"account": account, "rows": rows})


@require_POST
def post_take_back(request: HttpRequest, post_id: int) -> HttpResponse:
    found = post_editable(actor_of(request), post_id)

    def act() -> str:
        posts.post_take_back(actor=actor_of(request), post=found)
        return "Back to draft. Nothing of it goes out until you send it again."

    return _answer(request, act, reverse("scheduling:compose_edit", args=[post_id]), post_id)


@require_POST
def post_cancel(request: HttpRequest, post_id: int) -> HttpResponse:
    found = post_editable(actor_of(request), post_id)

    def act() -> str:
        posts.post_cancel(actor=actor_of(request), post=found, reason=_reason(request))
        return "Cancelled. Nothing of it will go out."

    return _answer(request, act, reverse("scheduling:post", args=[post_id]), post_id)


@require_POST
def delivery_act(request: HttpRequest, delivery_id: int, name: str) -> HttpResponse:
    """Do one of the acts of DELIVERY_ACTS to a delivery."""
    delivery = delivery_visible(actor_of(request), delivery_id)
    act = DELIVERY_ACTS.get(name)
    if act is None:
        raise Http404
    back = reverse("scheduling:post", args=[delivery.post_id])
    return _answer(request, lambda: act(request, delivery), back, delivery.post_id)


def _answer(request: HttpRequest, act: Callable[[], str], to: str, post_id: int) -> HttpResponse:
    """Run an act and go on with a toast: what was done, or why not and that nothing changed."""
    try:
        messages.success(request, act())
    except Invalid as error:
        messages.error(request, f"Nothing was changed. {error.message}")
        to = reverse("scheduling:post", args=[post_id])
    except (Stale, NoSuchMove) as error:
        message = str(error) if isinstance(error, Stale) else "It has moved on since. Look again."
        messages.error(request, f"Nothing was changed. {message}")
        to = reverse("scheduling:post", args=[post_id])
    back = request.POST.get("next", "")
    if back and url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        to = back
    return redirect(to)


def _hold(request: HttpRequest, delivery: Delivery) -> str:
    deliveries.delivery_hold(actor=actor_of(request), delivery=delivery, reason=_reason(request))
    return "Held. It stays back until somebody releases it."


def _release(request: HttpRequest, delivery: Delivery) -> str:
    at_once = request.POST.get("when") == "now"
    due = timezone.now() if at_once else _moment(request, delivery)
    deliveries.delivery_release(actor=actor_of(request), delivery=delivery, due_at=due)
    return "Released."


def _cancel(request: HttpRequest, delivery: Delivery) -> str:
    deliveries.delivery_cancel(actor=actor_of(request), delivery=delivery, reason=_reason(request))
    return f"Cancelled on {delivery.account.display_name}."


def _move(request: HttpRequest, delivery: Delivery) -> str:
    due = _moment(request, delivery)
    if due is None:
        raise Invalid("due", "Choose a day and a time.")
    deliveries.delivery_reschedule(actor=actor_of(request), delivery=delivery, due_at=due)
    local = due.astimezone(ZoneInfo(delivery.account.time_zone))
    return f"Moved to {local:%a %-d %b, %H:%M}."


def _schedule(request: HttpRequest, delivery: Delivery) -> str:
    deliveries.delivery_schedule(
        actor=actor_of(request), delivery=delivery, due_at=_moment(request, delivery)
    )
    return "Scheduled."


def _now(request: HttpRequest, delivery: Delivery) -> str:
    deliveries.delivery_publish_now(actor=actor_of(request), delivery=delivery)
    return f"Publishing to {delivery.account.display_name} now."


def _withdraw(request: HttpRequest, delivery: Delivery) -> str:
    withdraw(actor=actor_of(request), delivery=delivery, reason=_reason(request))
    return f"Taken down from {delivery.account.display_name}."


DELIVERY_ACTS: dict[str, Callable[[HttpRequest, Delivery], str]] = {
    "hold": _hold,
    "release": _release,
    "cancel": _cancel,
    "move": _move,
    "schedule": _schedule,
    "now": _now,
    "withdraw": _withdraw,
}


def _reason(request: HttpRequest) -> str:
    return request.POST.get("reason", "").strip()[:500]


def _moment(request: HttpRequest, delivery: Delivery) -> datetime | None:
    """Date and time of the form in its zone (or the account's); None when neither is there."""
    values: dict[str, Any] = {k: request.POST.get(k, "").strip() for k in ("date", "time")}
    if not any(values.values()):
        return None
    try:
        local = datetime.strptime(f"{values['date']} {values['time']}", "%Y-%m-%d %H:%M")  # noqa: DTZ007  # wall clock
    except ValueError:
        raise Invalid("due", "Choose both a day and a time.") from None
    if not 2000 <= local.year <= 2999:
        raise Invalid("due", "Choose a day of this century.")
    zone = request.POST.get("zone", "")
    zone = zone if zone in known_zones() else delivery.account.time_zone
    return due_from_local(local, zone)

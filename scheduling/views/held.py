"""Everything that is kept back: looked through, and released one by one or at a pace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import Invalid
from accounts.policy import decide_pause
from accounts.web import actor_of, person_of
from scheduling.forms import PaceForm
from scheduling.models import HoldKind
from scheduling.pacing import MOST, Slot, paced, release_paced
from scheduling.selectors import held as kept_back
from scheduling.selectors.held import Kept

SOON = timedelta(minutes=5)
"""The first of a group is proposed this much ahead: time to look through what comes."""


@require_GET
def held(request: HttpRequest) -> HttpResponse:
    """One page of it, by why; `why` shows one kind alone."""
    actor = actor_of(request)
    why = request.GET.get("why", "")
    why = why if why in HoldKind.values else ""
    everything = kept_back.held(actor)
    counts = kept_back.counts_by_kind(everything)
    wanted = everything.filter(hold_kind=why) if why else everything
    rows = kept_back.held_page(actor, wanted, after=_cursor(request))
    shown = rows[: kept_back.PAGE]
    more = len(rows) > kept_back.PAGE
    context = {
        "groups": [(HoldKind(kind), list(some)) for kind, some in groupby(shown, key=_kind)],
        "tabs": [(kind, counts[kind]) for kind in kept_back.ORDER if counts[kind]],
        "total": sum(counts.values()),
        "counted_all": sum(counts.values()) < kept_back.MOST,
        "why": why,
        "older_url": _next_url(why, shown[-1]) if more else "",
        "newer_url": f"?{urlencode({'why': why})}" if request.GET.get("after") else "",
        "pace": PaceForm(initial=_proposed(request)),
        "zone": person_of(request).zone_name,
        "may_release": any(row.release for row in shown),
        "may_pause": bool(decide_pause(actor, None)),
        "most": MOST,
    }
    return render(request, "scheduling/held.html", context)


@require_http_methods(["GET", "POST"])
def held_release(request: HttpRequest) -> HttpResponse:
    """The times that the chosen ones would get; sent (POST), they are released at these."""
    actor = actor_of(request)
    given = request.POST if request.method == "POST" else request.GET
    form = PaceForm(given)
    ids = _numbers(given.getlist("d"))
    chosen = kept_back.kept(actor, kept_back.held(actor).filter(pk__in=ids[: MOST + 1]))
    slots: Sequence[Slot] = ()
    if form.is_valid():
        mine = [row.delivery for row in chosen if row.release]
        try:
            slots = paced(
                mine, first=form.cleaned_data["first"], every_min=form.cleaned_data["every"]
            )
        except Invalid as error:
            form.add_error(None, error.message)
    if request.method == "POST" and slots:
        return _released(request, slots)
    context = {
        "form": form,
        "slots": slots,
        "ids": [slot.delivery.pk for slot in slots] or ids,
        "left_out": [row.delivery for row in chosen if not row.release],
        "zone": person_of(request).zone_name,
    }
    status = 422 if form.errors else 200
    return render(request, "scheduling/held_release.html", context, status=status)


def _released(request: HttpRequest, slots: Sequence[Slot]) -> HttpResponse:
    done, stayed = release_paced(actor=actor_of(request), slots=slots)
    if not stayed:
        messages.success(request, f"Released {len(done)}. Each goes out at its time.")
        return redirect("scheduling:held")
    return render(request, "scheduling/held_released.html", {"done": done, "stayed": stayed})


def _kind(row: Kept) -> str:
    return row.delivery.hold_kind


def _proposed(request: HttpRequest) -> dict[str, Any]:
    zone = person_of(request).zone_name
    first = (timezone.now() + SOON).astimezone(ZoneInfo(zone))
    clock = first.time().replace(second=0, microsecond=0)
    return {"due_date": first.date(), "due_time": clock, "due_zone": zone}


def _next_url(why: str, last: Kept) -> str:
    rank, planned, pk = last.key
    return f"?{urlencode({'why': why, 'after': f'{rank}.{pk}.{planned.isoformat()}'})}"


def _cursor(request: HttpRequest) -> kept_back.Key | None:
    """Where the page begins; one that we did not make shows the first."""
    rank, _, rest = request.GET.get("after", "").partition(".")
    pk, _, planned = rest.partition(".")
    numbers = _numbers([rank, pk])
    try:
        moment = datetime.fromisoformat(planned)
    except ValueError:
        return None
    if len(numbers) != 2 or moment.tzinfo is None:
        return None
    return min(numbers[0], 99), moment, numbers[1]


def _numbers(words: Sequence[str]) -> list[int]:
    """Those that are whole numbers a key can be."""
    return [int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 19]

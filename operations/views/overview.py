"""The operators' page; it asks again for its own middle every few seconds."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from operations import hearts
from operations.selectors import overview as selectors
from operations.selectors.alerts import failing, open_alerts
from operations.views.common import require_watching


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    require_watching(request)
    signs = hearts.signs()
    accounts = selectors.accounts()
    everything = bool(request.GET.get("all"))
    shown = None if everything else selectors.SHOWN
    context = {
        "signs": signs,
        "clock": selectors.clock(signs),
        "numbers": selectors.numbers(),
        "alerts": open_alerts()[: selectors.SHOWN],
        "failing": failing(),
        "worst": selectors.worst_first(accounts)[:shown],
        "unread": selectors.unread_longest(accounts)[:shown],
        "accounts": len(accounts),
        "everything": everything,
        "query": "&all=1" if everything else "",
    }
    part = "operations/_overview.html" if request.GET.get("part") else "operations/overview.html"
    return render(request, part, context)

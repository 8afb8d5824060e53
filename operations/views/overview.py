"""The operators' page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from operations.models import Alert
from operations.views.common import may_change, require_watching

SHOWN = 20


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    require_watching(request)
    alerts = Alert.objects.filter(settled_at=None).select_related("account")[:SHOWN]
    context = {"alerts": alerts, "may_change": may_change(request)}
    return render(request, "operations/overview.html", context)

"""Where alerts go: to read for whoever watches, to change for administrators."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.errors import Invalid
from accounts.levels import OrgCapability
from accounts.policy import require_org
from accounts.web import actor_of, show_invalid
from operations.forms import DestinationForm
from operations.models import Destination
from operations.selectors.alerts import places
from operations.services import destinations as services
from operations.views.common import may_change, require_watching


@require_GET
def destinations(request: HttpRequest) -> HttpResponse:
    require_watching(request)
    found = places()
    context = {
        "places": found,
        "look_again": any(place.is_on_its_way for place in found),
        "may_change": may_change(request),
        "fixed": len(settings.ALERT_EMAILS),
    }
    part = "operations/_places.html" if request.GET.get("part") else "operations/alerts.html"
    return render(request, part, context)


@require_http_methods(["GET", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    form = DestinationForm(request.POST or None)
    if form.is_valid():
        try:
            place = services.destination_add(actor=actor_of(request), **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            messages.success(request, f"Alerts go to {place}. Send a test alert to see it arrive.")
            return redirect("operations:alerts")
    return _show(request, form)


@require_http_methods(["GET", "POST"])
def change(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    place = get_object_or_404(Destination, pk=destination_id)
    initial = {"name": place.name, "kinds": place.kinds, "accounts": list(place.accounts.all())}
    form = DestinationForm(request.POST or None, initial=initial, place=place)
    if form.is_valid():
        try:
            services.destination_change(
                actor=actor_of(request), destination=place, **form.cleaned_data
            )
        except Invalid as error:
            show_invalid(form, error)
            place.refresh_from_db()
        else:
            messages.success(request, "Saved.")
            return redirect("operations:alerts")
    return _show(request, form, place)


@require_POST
def test(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    place = get_object_or_404(Destination, pk=destination_id)
    try:
        services.destination_test(actor=actor_of(request), destination=place)
    except Invalid as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"A test alert goes to {place} within seconds.")
    return redirect("operations:alerts")


@require_POST
def remove(request: HttpRequest, destination_id: UUID) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.SETTINGS)
    place = get_object_or_404(Destination, pk=destination_id)
    services.destination_remove(actor=actor_of(request), destination=place)
    messages.success(request, f"No more alerts go to {place}.")
    return redirect("operations:alerts")


def _show(request: HttpRequest, form: BaseForm, place: Destination | None = None) -> HttpResponse:
    status = 422 if form.is_bound and form.errors else 200
    context = {"form": form, "place": place}
    return render(request, "operations/destination.html", context, status=status)

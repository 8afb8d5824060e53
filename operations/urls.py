"""Addresses of the operators' pages."""

from __future__ import annotations

from django.urls import path

from operations.views import destinations, overview, platforms

app_name = "operations"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("alerts/", destinations.destinations, name="alerts"),
    path("alerts/new/", destinations.add, name="destination_new"),
    path("alerts/<uuid:destination_id>/", destinations.change, name="destination"),
    path("alerts/<uuid:destination_id>/test/", destinations.test, name="destination_test"),
    path("alerts/<uuid:destination_id>/remove/", destinations.remove, name="destination_remove"),
    path("platforms/", platforms.platforms, name="platforms"),
]

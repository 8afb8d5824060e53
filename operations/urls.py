"""Addresses of the operators' pages."""

from __future__ import annotations

from django.urls import path

from operations.views import overview

app_name = "operations"
urlpatterns = [
    path("", overview.overview, name="overview"),
]

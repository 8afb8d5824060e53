"""Addresses of the record."""

from __future__ import annotations

from django.urls import path

from audit.views import record

app_name = "audit"

urlpatterns = [
    path("", record.record, name="record"),
    path("export.csv", record.export, name="export"),
    path("people/", record.people, name="people"),
    path("<int:event_id>/", record.event, name="event"),
]

"""Addresses of the record."""

from __future__ import annotations

from django.urls import path

from audit.views import proofs, record

app_name = "audit"

urlpatterns = [
    path("", record.record, name="record"),
    path("export.csv", record.export, name="export"),
    path("seal/", proofs.seal, name="seal"),
    path("people/", record.people, name="people"),
    path("<int:event_id>/", record.event, name="event"),
    path("<int:event_id>/proof.json", proofs.event_proof, name="event_proof"),
    path("post/<int:post_id>/proof.json", proofs.post_proof, name="post_proof"),
]

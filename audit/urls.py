"""Addresses of the record."""

from __future__ import annotations

from django.urls import path

from audit.views import activity, lives, proofs, record

app_name = "audit"

urlpatterns = [
    path("", record.record, name="record"),
    path("export.csv", record.export, name="export"),
    path("activity/", activity.activity, name="activity"),
    path("seal/", proofs.seal, name="seal"),
    path("people/", record.people, name="people"),
    path("<int:event_id>/", record.event, name="event"),
    path("<int:event_id>/proof.json", proofs.event_proof, name="event_proof"),
    path("account/<int:account_id>/", lives.account, name="account_life"),
    path("person/<int:person_id>/", lives.person, name="person_life"),
    path("post/<int:post_id>/proof.json", proofs.post_proof, name="post_proof"),
]

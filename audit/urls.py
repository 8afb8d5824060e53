"""Addresses of the record."""

from __future__ import annotations

from django.urls import path

from audit.views import activity, erasing, exports, lives, proofs, queries, record

app_name = "audit"

urlpatterns = [
    path("", record.record, name="record"),
    path("export.csv", record.export, name="export"),
    path("exports/", exports.exports, name="exports"),
    path("exports/new/", exports.begin, name="export_begin"),
    path("exports/<uuid:export_id>/file/", exports.file, name="export_file"),
    path("exports/<uuid:export_id>/proof/", exports.proof, name="export_proof"),
    path("exports/<uuid:export_id>/remove/", exports.remove, name="export_remove"),
    path("searches/", queries.queries, name="queries"),
    path("searches/new/", queries.save, name="query_save"),
    path("searches/<int:query_id>/remove/", queries.remove, name="query_remove"),
    path("activity/", activity.activity, name="activity"),
    path("seal/", proofs.seal, name="seal"),
    path("people/", record.people, name="people"),
    path("<int:event_id>/", record.event, name="event"),
    path("<int:event_id>/proof.json", proofs.event_proof, name="event_proof"),
    path("account/<int:account_id>/", lives.account, name="account_life"),
    path("person/<int:person_id>/", lives.person, name="person_life"),
    path("<int:event_id>/erase/", erasing.erase_event, name="erase_event"),
    path("post/<int:post_id>/erase/", erasing.erase_post, name="erase_post"),
    path("post/<int:post_id>/proof.json", proofs.post_proof, name="post_proof"),
]

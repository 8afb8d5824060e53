"""Addresses of the inbox."""

from __future__ import annotations

from django.urls import path

from mentions.views import acts, live, moderation, pages

app_name = "mentions"

urlpatterns = [
    path("", pages.inbox, name="inbox"),
    path("live/", live.live, name="live"),
    path("accounts/<int:account_id>/recent/", pages.account_recent, name="account_recent"),
    path("accounts/<int:account_id>/blocked/", moderation.blocked, name="blocked"),
    path("<int:conversation_id>/", pages.conversation, name="conversation"),
    path("<int:conversation_id>/earlier/", pages.earlier, name="earlier"),
    path("<int:conversation_id>/assignees/", pages.assignees, name="assignees"),
    path("<int:conversation_id>/read/", acts.read, name="read"),
    path("<int:conversation_id>/status/<slug:status>/", acts.status, name="status"),
    path("<int:conversation_id>/assign/", acts.assign, name="assign"),
    path("<int:conversation_id>/assign/<int:user_id>/", acts.assign, name="assign_to"),
    path("<int:conversation_id>/note/", acts.note, name="note"),
    path(
        "<int:conversation_id>/messages/<int:mention_id>/<slug:name>/",
        moderation.moderate,
        name="moderate",
    ),
    path("<int:conversation_id>/reply/", acts.reply, name="reply"),
    path("<int:conversation_id>/reply/check/", acts.reply_check, name="reply_check"),
]

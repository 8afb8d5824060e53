"""Addresses of posts, pictures, calendar and approvals."""

from __future__ import annotations

from django.urls import path

from scheduling.views import approvals, calendar, compose, media, posts, story

app_name = "scheduling"

urlpatterns = [
    path("posts/new/", compose.compose_new, name="compose"),
    path("posts/check/", compose.compose_check, name="compose_check"),
    path("posts/save/", compose.compose_save, name="compose_save"),
    path("posts/send/", compose.compose_send, name="compose_send"),
    path("posts/<int:post_id>/", posts.post, name="post"),
    path("posts/<int:post_id>/story/", story.story, name="story"),
    path("posts/<int:post_id>/edit/", compose.compose_edit, name="compose_edit"),
    path("posts/<int:post_id>/take-back/", posts.post_take_back, name="post_take_back"),
    path("posts/<int:post_id>/cancel/", posts.post_cancel, name="post_cancel"),
    path("deliveries/<int:delivery_id>/<slug:name>/", posts.delivery_act, name="delivery_act"),
    path("calendar/", calendar.calendar, name="calendar"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<int:delivery_id>/", approvals.approval, name="approval"),
    path("approvals/<int:delivery_id>/decide/", approvals.approval_decide, name="approval_decide"),
    path("accounts/<int:account_id>/next/", posts.account_next, name="account_next"),
    path("media/upload/", media.upload, name="media_upload"),
    path("media/<uuid:token>/", media.show, name="media"),
]

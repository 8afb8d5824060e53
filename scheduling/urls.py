"""Addresses of posts, pictures, calendar and approvals."""

from __future__ import annotations

from django.urls import path

from scheduling.views import (
    approvals,
    calendar,
    compose,
    corrections,
    held,
    media,
    pauses,
    posts,
    story,
    unknown,
)

app_name = "scheduling"

urlpatterns = [
    path("posts/new/", compose.compose_new, name="compose"),
    path("posts/arrange/", compose.compose_arrange, name="compose_arrange"),
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
    path("posts/<int:post_id>/correct/", corrections.correct, name="correct"),
    path("approvals/corrections/<int:correction_id>/", corrections.correction, name="correction"),
    path(
        "approvals/corrections/<int:correction_id>/decide/",
        corrections.correction_decide,
        name="correction_decide",
    ),
    path(
        "corrections/<int:correction_id>/take-back/",
        corrections.correction_take_back,
        name="correction_take_back",
    ),
    path("held/", held.held, name="held"),
    path("held/release/", held.held_release, name="held_release"),
    path("hold/", pauses.pause_new, name="pause_new"),
    path("hold/<int:pause_id>/", pauses.pause, name="pause"),
    path("hold/<int:pause_id>/end/", pauses.pause_over, name="pause_over"),
    path("unknown/", unknown.unknown_list, name="unknown_list"),
    path("unknown/<int:delivery_id>/", unknown.unknown, name="unknown"),
    path("unknown/<int:delivery_id>/posts/", unknown.unknown_posts, name="unknown_posts"),
    path("unknown/<int:delivery_id>/settle/", unknown.unknown_settle, name="unknown_settle"),
    path("accounts/<int:account_id>/next/", posts.account_next, name="account_next"),
    path("media/upload/", media.upload, name="media_upload"),
    path("media/<uuid:token>/", media.show, name="media"),
    path("fetch/<str:token>", media.fetch, name="media_fetch"),
]

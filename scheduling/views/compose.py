"""The composer: writing, checking while one types, saving by itself, sending."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import Invalid
from accounts.models import SocialAccount
from accounts.moments import known_zones
from accounts.web import actor_of, person_of, show_invalid
from audit.actors import Actor
from scheduling.composing import (
    Check,
    button_words,
    checks_on,
    images_of,
    pictures_of,
    shown_on,
)
from scheduling.errors import Stale, WrittenAlready
from scheduling.forms import PostForm, initial_of
from scheduling.models import Delivery, Media, Post
from scheduling.selectors.posts import post_editable
from scheduling.services.posts import post_create, post_edit, post_send
from scheduling.states import State
from scheduling.times import note_on

PAGE = "scheduling/compose.html"


@require_GET
def compose_new(request: HttpRequest) -> HttpResponse:
    """An empty composer; `account` and `day` in the query fill in what is known."""
    actor, person = actor_of(request), person_of(request)
    form = PostForm(actor)
    available = list(form.fields["accounts"].queryset)  # type: ignore[attr-defined]  # a model field
    wanted = request.GET.get("account", "")
    chosen = [a for a in available if str(a.pk) == wanted]
    zone = chosen[0].time_zone if chosen else person.zone_name
    form.initial = {
        "form_key": uuid4(),
        "accounts": [a.pk for a in chosen],
        "due_zone": zone,
        "due_date": _day(request.GET.get("day", "")),
    }
    return _page(request, form, available, chosen, {}, [], None)


@require_GET
def compose_edit(request: HttpRequest, post_id: int) -> HttpResponse:
    """The composer on a draft."""
    actor = actor_of(request)
    post = post_editable(actor, post_id)
    drafts = [d for d in post.deliveries.all() if d.is_editable]
    if not drafts:
        messages.info(request, "This post is on its way. Take it back to draft to change it.")
        return redirect("scheduling:post", post_id=post.pk)
    zone = drafts[0].account.time_zone
    form = PostForm(actor, initial=initial_of(post, zone))
    available = list(form.fields["accounts"].queryset)  # type: ignore[attr-defined]  # a model field
    own = {d.account_id: d.own_text for d in drafts if d.own_text is not None}
    return _page(
        request, form, available, [d.account for d in drafts], own, list(post.media.all()), post
    )


@require_POST
def compose_check(request: HttpRequest) -> HttpResponse:
    """Counts, checks and previews of what is typed; writes nothing."""
    form = PostForm(actor_of(request), request.POST)
    form.is_valid()
    context = _live(request, form) | {"with_versions": "versions" in request.GET}
    return render(request, "scheduling/_compose_live.html", context)


@require_POST
def compose_save(request: HttpRequest) -> HttpResponse:
    """Save the draft by itself while one writes. 422 with what is wrong when it cannot be kept."""
    form = PostForm(actor_of(request), request.POST)
    post: Post | None = None
    if form.is_valid() and form.chosen:
        try:
            post = _save(actor_of(request), form)
        except (Invalid, Stale, WrittenAlready) as error:
            form.add_error(None, str(error))
    context = _live(request, form) | {"saved_post": post}
    context["checks"] = [
        *(Check("red", f"Not saved: {e}") for e in form.non_field_errors()),
        *context["checks"],
    ]
    status = 422 if post is None or form.errors else 200
    return render(request, "scheduling/_compose_saved.html", context, status=status)


@require_POST
def compose_send(request: HttpRequest) -> HttpResponse:
    """The one primary button: save, then schedule or send for approval."""
    actor = actor_of(request)
    form = PostForm(actor, request.POST)
    if form.is_valid():
        try:
            post = _save(actor, form)
            form.data = _with_version(request, post)
            if "draft" in request.POST:
                messages.success(request, "Saved as a draft.")
            else:
                messages.success(request, _said(post_send(actor=actor, post=post)))
            return redirect("scheduling:post", post_id=post.pk)
        except WrittenAlready as before:
            messages.info(request, str(before))
            return redirect("scheduling:post", post_id=before.post_id)
        except Invalid as error:
            show_invalid(form, error)
        except Stale as error:
            form.add_error(None, str(error))
    return _page_again(request, form)


def _with_version(request: HttpRequest, post: Post) -> QueryDict:
    """What was typed, for the post as it is saved now."""
    data = request.POST.copy()
    data["post"], data["version"] = str(post.pk), str(post.version)
    return data


def _save(actor: Actor, form: PostForm) -> Post:
    data = form.cleaned_data
    fields: dict[str, Any] = {
        "text": data["text"],
        "accounts": form.chosen,
        "own_texts": form.own_texts(),
        "due_at": data["due_at"],
        "pictures": form.pictures(),
    }
    if data["post"] is not None:
        post = post_editable(actor, data["post"])
        return post_edit(actor=actor, post=post, version=data["version"] or 0, **fields)
    try:
        return post_create(actor=actor, form_key=data["form_key"], **fields)
    except WrittenAlready as before:
        # Somebody went back and pressed the button again: it is the same post, if still a draft.
        post = post_editable(actor, before.post_id)
        if any(d.state != State.DRAFT for d in post.deliveries.all()):
            raise
        return post_edit(actor=actor, post=post, version=post.version, **fields)


def _said(deliveries: list[Delivery]) -> str:
    """What the button did, for the toast."""
    asked = sum(d.state == State.IN_REVIEW for d in deliveries)
    direct = len(deliveries) - asked
    parts = []
    if direct:
        now = all(d.due_at and d.due_at <= timezone.now() for d in deliveries)
        parts.append(f"{'Publishing to' if now else 'Scheduled for'} {_accounts(direct)}.")
    if asked:
        parts.append(f"Sent for approval on {_accounts(asked)}.")
    return " ".join(parts)


def _accounts(number: int) -> str:
    return "1 account" if number == 1 else f"{number} accounts"


def _live(request: HttpRequest, form: PostForm) -> dict[str, Any]:
    data = form.cleaned_data
    media = pictures_of(actor_of(request), form.pictures(), data.get("post"))
    text = str(data.get("text") or request.POST.get("text", ""))
    return _live_context(
        request, form.chosen, text, form.own_texts(), media, data.get("due_at"), data
    ) | {"due_problem": (form.errors.get("due_date") or [""])[0]}


def _live_context(
    request: HttpRequest,
    accounts: list[SocialAccount],
    text: str,
    own: dict[int, str],
    media: list[Media],
    due_at: datetime | None,
    data: dict[str, Any],
) -> dict[str, Any]:
    shown = shown_on(accounts, text, own, images_of(media))
    zone = str(data.get("due_zone") or "")
    zone = zone if zone in known_zones() else person_of(request).zone_name
    button = button_words(actor_of(request), accounts, timed=due_at is not None)
    zones = list(dict.fromkeys([*(a.time_zone for a in accounts), person_of(request).zone_name]))
    return {
        "shown": shown,
        "closest": min(shown, key=lambda side: side.left / side.limit) if shown else None,
        "checks": checks_on(shown, media, due_at, zone, actor_of(request)),
        "previews": [_preview(side, media) for side in shown],
        "due_at": due_at,
        "due_zone": zone,
        "zones": zones if zone in zones else [zone, *zones],
        "twice": due_at is not None and bool(note_on(due_at, zone)),
        "later": due_at is not None and bool(due_at.astimezone(ZoneInfo(zone)).fold),
        "has_own": bool(own),
        "button": button,
        "public_now": button.startswith("Publish"),
    }


def _preview(side: Any, media: list[Media]) -> dict[str, Any]:
    return {
        "platform": side.account.platform,
        "name": side.account.display_name,
        "handle": side.account.handle.lstrip("@"),
        "text": side.text,
        "media": [{"url": f"/media/{m.token}/", "alt": m.alt_text} for m in media],
        "over": side.over,
    }


def _page(
    request: HttpRequest,
    form: PostForm,
    available: list[SocialAccount],
    chosen: list[SocialAccount],
    own: dict[int, str],
    media: list[Media],
    post: Post | None,
    status: int = 200,
) -> HttpResponse:
    text = str(form["text"].value() or "")
    due_at = form.cleaned_data.get("due_at") if form.is_bound else _due_of(post)
    data = {"due_zone": form["due_zone"].value()}
    context = _live_context(request, chosen, text, own, media, due_at, data) | {
        "form": form,
        "post": post,
        "available": available,
        "chosen_ids": {a.pk for a in chosen},
        "media": media,
    }
    return render(request, PAGE, context, status=status)


def _page_again(request: HttpRequest, form: PostForm) -> HttpResponse:
    """The composer with everything that was typed, and what has to be put right."""
    actor = actor_of(request)
    available = list(form.fields["accounts"].queryset)  # type: ignore[attr-defined]  # a model field
    post_id = form.cleaned_data.get("post")
    post = post_editable(actor, post_id) if post_id else None
    media = pictures_of(actor, form.pictures(), post_id)
    return _page(request, form, available, form.chosen, form.own_texts(), media, post, status=422)


def _due_of(post: Post | None) -> datetime | None:
    if post is None:
        return None
    return next((d.due_at for d in post.deliveries.all() if d.is_editable and d.due_at), None)


def _day(value: str) -> str:
    try:
        return datetime.strptime(value, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007  # a day
    except ValueError:
        return ""

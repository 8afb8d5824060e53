"""The composer: writing, checking while one types, saving by itself, sending."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from django.conf import settings
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
    pictures_of,
    shown_on,
)
from scheduling.elements import NOTHING, Elements, elements_from
from scheduling.errors import Stale, WrittenAlready
from scheduling.forms import PostForm, initial_of, left_out_of
from scheduling.models import Delivery, Keep, Media, Post
from scheduling.offers import leaves_for, offers_for
from scheduling.previews import preview_of
from scheduling.selectors.posts import post_editable
from scheduling.services.posts import post_create, post_edit, post_send
from scheduling.states import State
from scheduling.thread import FIRST_KEY, Typed, arranged, further_posts, typed
from scheduling.times import note_on
from scheduling.variants import make_ahead
from scheduling.views.media import with_uploads

PAGE = "scheduling/compose.html"


@dataclass(frozen=True, slots=True)
class Written:
    """What the composer shows as written, saved or not. `further`: the typed ones, empty too;
    `by_post`: the pictures by the key of the post of the thread that they were put to."""

    accounts: list[SocialAccount] = field(default_factory=list)
    text: str = ""
    own_texts: dict[int, str] = field(default_factory=dict)
    media: list[Media] = field(default_factory=list)
    elements: Elements = NOTHING
    left_out: dict[int, frozenset[str]] = field(default_factory=dict)
    further: list[Typed] = field(default_factory=list)
    by_post: dict[str, list[Media]] = field(default_factory=dict)


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
    return _page(request, form, available, Written(chosen), None)


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
    elements = elements_from(post.elements)
    written = Written(
        accounts=[d.account for d in drafts],
        text=post.text,
        own_texts={d.account_id: d.own_text for d in drafts if d.own_text is not None},
        media=list(post.media.all()),
        elements=elements,
        left_out=left_out_of(post),
        further=typed(elements.thread),
        by_post=_by_key(post.media.all(), lambda one: str(one.part)),
    )
    return _page(request, form, available, written, post)


@require_POST
def compose_check(request: HttpRequest) -> HttpResponse:
    """Counts, checks and previews of what is typed; writes nothing."""
    form = PostForm(actor_of(request), request.POST)
    form.is_valid()
    context = _live(request, form) | {"with_versions": "versions" in request.GET}
    return render(request, "scheduling/_compose_live.html", context)


@require_POST
def compose_arrange(request: HttpRequest) -> HttpResponse:
    """Add, move or remove a further post of the thread; writes nothing.

    The thread alone for htmx, the whole page without scripts. `arrange`: 'add', 'remove-2', 'up-3',
    'down-2', by the numbers of the posts; anything else shows what the chosen accounts take.
    """
    form = PostForm(actor_of(request), request.POST)
    form.is_valid()
    further, focus = arranged(form.further(), request.POST.get("arrange", ""))
    if not request.htmx:  # type: ignore[attr-defined]  # by middleware
        return _page_again(request, form, further=further, focus=focus)
    context = _live(request, form, further=further) | {"focus": focus}
    return render(request, "scheduling/_compose_thread.html", context)


@require_POST
def compose_save(request: HttpRequest) -> HttpResponse:
    """Save the draft by itself while one writes. 422 with what is wrong when it cannot be kept."""
    form = PostForm(actor_of(request), request.POST)
    post: Post | None = None
    if form.is_valid() and form.chosen:
        try:
            post = _save(actor_of(request), form)
            make_ahead(post)
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
    form.data, refused = with_uploads(actor, request)
    if form.is_valid() and not _said_of(form, refused):
        try:
            post = _save(actor, form)
            make_ahead(post)
            form.data = _with_version(form.data, post)
            if "upload" in request.POST:  # from a browser without scripts
                return redirect("scheduling:compose_edit", post_id=post.pk)
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


def _said_of(form: PostForm, refused: list[str]) -> bool:
    """Say what became of files that came with the form; whether any was refused."""
    for said in refused:
        form.add_error(None, said)
    return bool(refused)


def _with_version(typed: Any, post: Post) -> QueryDict:
    """What was typed, for the post as it is saved now."""
    data: QueryDict = typed.copy()
    data["post"], data["version"] = str(post.pk), str(post.version)
    return data


def _save(actor: Actor, form: PostForm) -> Post:
    data = form.cleaned_data
    fields: dict[str, Any] = {
        "text": data["text"],
        "accounts": form.chosen,
        "own_texts": form.own_texts(),
        "elements": form.elements(),
        "own_elements": form.own_elements(),
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


def _live(
    request: HttpRequest, form: PostForm, further: list[Typed] | None = None
) -> dict[str, Any]:
    data = form.cleaned_data
    written = _typed(request, form, further)
    return _live_context(request, written, data.get("due_at"), data) | {
        "due_problem": (form.errors.get("due_date") or [""])[0]
    }


def _typed(request: HttpRequest, form: PostForm, further: list[Typed] | None = None) -> Written:
    data = form.cleaned_data
    further = form.further() if further is None else further
    elements, chosen = form.as_kept(further)
    media = pictures_of(actor_of(request), chosen, data.get("post"))
    keys = {FIRST_KEY, *(one.key for one in further)}
    return Written(
        accounts=form.chosen,
        text=str(data.get("text") or request.POST.get("text", "")),
        own_texts=form.own_texts(),
        media=media,
        elements=elements,
        left_out=form.left_out(),
        further=further,
        by_post=_by_key(media, lambda one: _known(form.place_of(one.pk), keys)),
    )


def _by_key(media: Iterable[Media], key_of: Callable[[Media], str]) -> dict[str, list[Media]]:
    found: dict[str, list[Media]] = {}
    for one in media:
        found.setdefault(key_of(one), []).append(one)
    return found


def _known(key: str, keys: set[str]) -> str:
    """What was put to a post that is gone is with the first, and not lost."""
    return key if key in keys else FIRST_KEY


def _live_context(
    request: HttpRequest, written: Written, due_at: datetime | None, data: dict[str, Any]
) -> dict[str, Any]:
    accounts, media = written.accounts, written.media
    shown = shown_on(
        accounts,
        written.text,
        written.own_texts,
        media,
        written.elements,
        left_out=written.left_out,
    )
    zone = str(data.get("due_zone") or "")
    zone = zone if zone in known_zones() else person_of(request).zone_name
    button = button_words(actor_of(request), accounts, timed=due_at is not None)
    zones = list(dict.fromkeys([*(a.time_zone for a in accounts), person_of(request).zone_name]))
    return {
        "shown": shown,
        "checks": checks_on(shown, media, due_at, zone, actor_of(request)),
        "previews": [
            preview_of(side.account, side.text, media, side.elements, over=side.over)
            for side in shown
        ],
        "written": written,
        "further": further_posts(written.further, shown, written.by_post),
        "places": [FIRST_KEY, *(one.key for one in written.further)],
        "keep_choices": Keep.choices,
        "offers": offers_for(accounts, written.elements, leaves_for(shown, written.elements)),
        "due_at": due_at,
        "due_zone": zone,
        "zones": zones if zone in zones else [zone, *zones],
        "twice": due_at is not None and bool(note_on(due_at, zone)),
        "later": due_at is not None and bool(due_at.astimezone(ZoneInfo(zone)).fold),
        "has_own": bool(written.own_texts),
        "button": button,
        "public_now": button.startswith("Publish"),
    }


def _page(
    request: HttpRequest,
    form: PostForm,
    available: list[SocialAccount],
    written: Written,
    post: Post | None,
    *,
    focus: str = "",
    status: int = 200,
) -> HttpResponse:
    due_at = form.cleaned_data.get("due_at") if form.is_bound else _due_of(post)
    data = {"due_zone": form["due_zone"].value()}
    context = _live_context(request, written, due_at, data) | {
        "form": form,
        "post": post,
        "available": available,
        "chosen_ids": {a.pk for a in written.accounts},
        "media": written.by_post.get(FIRST_KEY, ()),
        "focus": focus,
        "picture_max_mb": settings.UPLOAD_MAX_BYTES // 1_000_000,
        "video_max_mb": settings.VIDEO_MAX_BYTES // 1_000_000,
    }
    return render(request, PAGE, context, status=status)


def _page_again(
    request: HttpRequest, form: PostForm, *, further: list[Typed] | None = None, focus: str = ""
) -> HttpResponse:
    """The composer with everything that was typed, and what has to be put right.

    `further`: where the thread was arranged anew, and nothing is wrong.
    """
    available = list(form.fields["accounts"].queryset)  # type: ignore[attr-defined]  # a model field
    post_id = form.cleaned_data.get("post")
    post = post_editable(actor_of(request), post_id) if post_id else None
    written = _typed(request, form, further)
    status = 422 if further is None else 200
    return _page(request, form, available, written, post, focus=focus, status=status)


def _due_of(post: Post | None) -> datetime | None:
    if post is None:
        return None
    return next((d.due_at for d in post.deliveries.all() if d.is_editable and d.due_at), None)


def _day(value: str) -> str:
    try:
        return datetime.strptime(value, "%Y-%m-%d").date().isoformat()  # noqa: DTZ007  # a day
    except ValueError:
        return ""

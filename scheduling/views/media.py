"""Pictures and videos: taken in one by one, shown only to those who may see their post."""

from __future__ import annotations

import time
import uuid
from typing import Any

from django.core.cache import cache
from django.core.files.uploadedfile import UploadedFile
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    QueryDict,
)
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.errors import Invalid
from accounts.web import actor_of
from audit.actions import NotAllowed
from audit.actors import Actor
from scheduling.antivirus import Infected, Unchecked
from scheduling.fetching import fetched
from scheduling.intake import sha256_of, taken_in
from scheduling.models import Media
from scheduling.rules import drafts_somewhere
from scheduling.selectors.posts import media_visible
from scheduling.services.media import media_add, media_leave, media_refuse
from scheduling.thread import FIRST_KEY
from scheduling.views.files import file_answer

MOST_AT_ONCE = 10
FETCHES_A_MINUTE = 300
"""From one address; a platform that reads a video piece by piece asks often."""


@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """{id, url, width, height, video}, or {error} with 422."""
    file = request.FILES.get("file")
    if file is None:
        return JsonResponse({"error": "No file arrived. Choose one."}, status=422)
    try:
        media = take_in(actor_of(request), file)
    except Invalid as error:
        return JsonResponse({"error": error.message}, status=422)
    return JsonResponse(
        {
            "id": media.pk,
            "url": f"/media/{media.token}/",
            "width": media.width,
            "height": media.height,
            "video": media.is_video,
        }
    )


def take_in(actor: Actor, file: UploadedFile[Any]) -> Media:
    """An uploaded file as a picture or video that a post can have. Raises Invalid, NotAllowed."""
    decision = drafts_somewhere(actor)
    if not decision:  # before anything of theirs is looked into
        raise NotAllowed(decision.reason, hidden=decision.hidden)
    try:
        with taken_in(file) as taken:
            return media_add(actor=actor, taken=taken)
    except Infected as found:
        assert file.file is not None
        digest = sha256_of(file.file)
        media_refuse(actor=actor, infection=found.name, sha256=digest, size=file.size or 0)
        raise Invalid(
            "file",
            f"This file is infected ({found.name}). It was not kept. Tell your administrator, and "
            "have the computer that it comes from checked.",
        ) from None
    except Unchecked as reason:
        media_leave(actor=actor, reason=str(reason))
        raise Invalid(
            "file",
            "This file could not be checked for viruses, so it was not taken. Your text is safe. "
            "Your administrator has been told; try again later.",
        ) from None


def with_uploads(actor: Actor, request: HttpRequest) -> tuple[QueryDict, list[str]]:
    """A form with the files that came with it taken in, as if they had been uploaded before; and
    what became of those that were not. Browsers without scripts send them so.
    """
    data, refused = request.POST.copy(), []
    for key, file in _files_of(request)[:MOST_AT_ONCE]:
        try:
            media_id = str(take_in(actor, file).pk)
            data.appendlist("media", media_id)
            data[f"in-{media_id}"] = key
        except Invalid as error:
            refused.append(f"“{file.name}” was not added. {error.message}")
    return data, refused


def _files_of(request: HttpRequest) -> list[tuple[str, UploadedFile[Any]]]:
    """What came in `files` and in `files-<key>`, with the key of the post of the thread."""
    found = []
    for name in request.FILES:
        field, _, key = name.partition("-")
        if field == "files":
            found += [(key or FIRST_KEY, file) for file in request.FILES.getlist(name)]
    return found


@require_GET
def show(request: HttpRequest, token: uuid.UUID) -> HttpResponseBase:
    """The picture or video itself; `as` in the query: as it was made for some platform."""
    media = media_visible(actor_of(request), str(token))
    wanted = request.GET.get("as", "")
    known = wanted.isdecimal() and len(wanted) < 19
    variant = media.variants.filter(pk=int(wanted)).first() if known else None
    return file_answer(request, variant or media, cached="private, max-age=3600")


@require_safe
def fetch(request: HttpRequest, token: str) -> HttpResponseBase:
    """A file for a platform that fetches it by itself; the address is all that lets it in."""
    address = actor_of(request).address
    if _asks_too_often(address):
        wait = {"Retry-After": "60"}
        return HttpResponse("Too many requests. Try again in a minute.", status=429, headers=wait)
    what = fetched(token)
    if what is None:
        raise Http404
    answer = file_answer(request, what, cached="private, no-store")
    answer["X-Robots-Tag"] = "noindex"
    return answer


def _asks_too_often(address: str) -> bool:
    key = f"fetch:{address}:{int(time.time() // 60)}"
    cache.add(key, 0, 90)
    try:
        return cache.incr(key) > FETCHES_A_MINUTE
    except ValueError:  # Redis is away, or has just forgotten it
        return False

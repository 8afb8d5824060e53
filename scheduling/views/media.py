"""Pictures: taken in one by one, shown only to those who may see their post."""

from __future__ import annotations

import uuid

from django.http import FileResponse, HttpRequest, JsonResponse
from django.views.decorators.http import require_GET, require_POST

from accounts.errors import Invalid
from accounts.web import actor_of
from scheduling.selectors.posts import media_visible
from scheduling.services.media import media_upload


@require_POST
def upload(request: HttpRequest) -> JsonResponse:
    """{id, url, width, height}, or {error} with 422."""
    file = request.FILES.get("file")
    if file is None:
        return JsonResponse({"error": "No picture arrived. Choose one."}, status=422)
    try:
        media = media_upload(actor=actor_of(request), upload=file)
    except Invalid as error:
        return JsonResponse({"error": error.message}, status=422)
    return JsonResponse(
        {
            "id": media.pk,
            "url": f"/media/{media.token}/",
            "width": media.width,
            "height": media.height,
        }
    )


@require_GET
def show(request: HttpRequest, token: uuid.UUID) -> FileResponse:
    """The picture itself; never guessed at by the browser, never kept by a shared cache."""
    media = media_visible(actor_of(request), str(token))
    answer = FileResponse(media.file.open("rb"), content_type=media.mime)
    answer["Cache-Control"] = "private, max-age=3600"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Disposition"] = "inline"
    return answer

"""What this desk is, for the servers of platforms that register nobody: public, and no secret."""

from __future__ import annotations

from django.http import Http404, HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from accounts.authorising import document_of
from accounts.sealing import SealBroken
from platforms.registry import platform_info, platform_keys


@require_safe
def app_document(request: HttpRequest) -> JsonResponse:
    """An OAuth client metadata document; 404 until an account is first connected by it."""
    for key in platform_keys():
        declared = platform_info(key).oauth
        if declared is None or not declared.by_document:
            continue
        try:
            told = document_of(key)
        except SealBroken:  # no key of it could be named
            raise Http404 from None
        if told is not None:
            return JsonResponse(told)
    raise Http404

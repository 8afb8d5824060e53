"""Addresses of the pages before and after, keeping the filters."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.selectors.keyset import M, Page


def paging(request: HttpRequest, page: Page[M], *, key: str = "at") -> dict[str, str]:
    """`before_url` and `after_url` for templates; '' where there is no such page."""
    return {
        "before_url": _address(request, key, page.before),
        "after_url": _address(request, key, page.after),
    }


def _address(request: HttpRequest, key: str, cursor: str) -> str:
    if not cursor:
        return ""
    query = request.GET.copy()
    query[key] = cursor
    return f"?{query.urlencode()}"

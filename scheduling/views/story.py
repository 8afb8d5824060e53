"""The story of a post, from its first word to its permalink."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.web import actor_of
from scheduling.selectors.story import story_of, versions_of
from scheduling.selectors.story_steps import steps_of


@require_safe
def story(request: HttpRequest, post_id: int) -> HttpResponse:
    """The whole page, or with `part=story` the time line alone; `account` tells one account's."""
    account_id = _account(request)
    if post_id >= 2**63:
        raise Http404
    told = story_of(actor_of(request), post_id, account_id)
    part = request.GET.get("part") == "story"
    shown = [d for d in told.deliveries if account_id in (None, d.account_id)]
    context: dict[str, Any] = {
        "post": told.post,
        "deliveries": told.deliveries,
        "steps": steps_of(told),
        "account_id": account_id,
        "several": len(shown) > 1,
        "cut_short": told.cut_short,
    }
    if part:
        return render(request, "scheduling/_story.html", context)
    versions = versions_of(shown)
    context["versions"] = [(delivery, versions[delivery.pk]) for delivery in shown]
    return render(request, "scheduling/story.html", context)


def _account(request: HttpRequest) -> int | None:
    """The account asked for, or None for all. Raises Http404 for what is no number of one."""
    asked = request.GET.get("account", "")
    if not asked:
        return None
    if not (asked.isascii() and asked.isdecimal()) or len(asked) > 18:
        raise Http404
    return int(asked)

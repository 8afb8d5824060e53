"""News without a reload: what changed since the page was drawn, or 204."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.levels import Capability
from accounts.policy import accounts_where
from mentions.forms import number_of
from mentions.models import Status
from mentions.polling import stay_awake
from mentions.selectors import thread
from mentions.selectors.inbox import conversations_of, inbox_page
from mentions.views.reading import (
    Desk,
    conversation_context,
    desk_of,
    list_context,
    opened_of,
)

AWAKE_EVERY_S = 60
AWAKE_MOST = 50
"""Accounts one person's open inbox keeps awake; who works with more filters by one of them."""


@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """`list`, `thread`: the tokens the page was drawn with. Sends only the parts that differ."""
    desk = desk_of(request)
    _keep_awake(request, desk)
    opened_id = number_of(request.GET.get("open", ""))
    context = _list_news(request, desk, opened_id)
    if opened_id is not None:
        context |= _thread_news(request, desk, opened_id)
    if not context:
        return HttpResponse(status=204)
    return render(request, "mentions/_live.html", context)


def _list_news(request: HttpRequest, desk: Desk, opened_id: int | None) -> dict[str, Any]:
    page = inbox_page(desk.actor, desk.account_ids, desk.filters)
    if page.token == request.GET.get("list"):
        return {}
    seen = number_of(request.GET.get("newest", "")) or 0
    unread = [row for row in page.rows if row.status == Status.UNREAD]
    new = sum(1 for row in unread if (row.last_mention_id or 0) > seen)
    return {"list_changed": True, "new": new} | list_context(request, desk, opened_id, page)


def _thread_news(request: HttpRequest, desk: Desk, conversation_id: int) -> dict[str, Any]:
    found = conversations_of(desk.account_ids).filter(pk=conversation_id).first()
    if found is None or thread.thread_token(found) == request.GET.get("thread"):
        return {}
    opened = opened_of(request, desk, found)
    return {"thread_changed": True} | conversation_context(request, opened)


def _keep_awake(request: HttpRequest, desk: Desk) -> None:
    """Read the accounts often while somebody who answers looks at them."""
    wanted = desk.filters.account or ""
    if not cache.add(f"inbox-awake:{desk.actor.id}:{wanted}", 1, AWAKE_EVERY_S):
        return
    accounts = accounts_where(desk.actor, Capability.DRAFT)
    if wanted:
        accounts = accounts.filter(pk=wanted)
    ids = list(accounts.values_list("pk", flat=True)[: AWAKE_MOST + 1])
    if len(ids) <= AWAKE_MOST:
        stay_awake(ids)

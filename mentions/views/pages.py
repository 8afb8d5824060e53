"""Reading: the list, one conversation, a person's earlier contacts, what came in lately."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.web import actor_of, get_account
from mentions.models import Status
from mentions.selectors import inbox as selectors
from mentions.selectors import people, thread
from mentions.views.reading import (
    Desk,
    conversation_context,
    conversation_of,
    desk_of,
    frame_context,
    list_context,
    opened_of,
    row_of,
    varied,
    wants_part,
)


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """The list, nothing opened."""
    desk = desk_of(request)
    context = frame_context(request, desk) | list_context(request, desk)
    return render(request, "mentions/inbox.html", context)


@require_GET
def conversation(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """One conversation; beside the list on a full load.

    Opening it does not change it: the page then says by a POST of its own that it was read, so
    that nothing that only fetches addresses can, and only for those whose work it is to answer.
    """
    desk = desk_of(request)
    part = wants_part(request)
    page = None if part else selectors.inbox_page(desk.actor, desk.account_ids, desk.filters)
    found = conversation_of(desk, conversation_id, page)
    opened = opened_of(request, desk, found)
    marks_read = found.status == Status.UNREAD and opened.can.draft
    context = conversation_context(request, opened, marks_read=marks_read)
    if part:
        return varied(render(request, "mentions/_conversation.html", context))
    context |= frame_context(request, desk) | list_context(request, desk, found.pk, page)
    return varied(render(request, "mentions/inbox.html", context))


@require_GET
def earlier(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """Other conversations with the same person, on accounts the reader may view."""
    desk = desk_of(request)
    found = conversation_of(desk, conversation_id)
    rows = thread.earlier_contacts(desk.account_ids, found)
    context = {"conversation": found, "rows": [row_of(desk, row, None) for row in rows]}
    template = "mentions/_earlier.html" if wants_part(request) else "mentions/earlier.html"
    return varied(render(request, template, context))


@require_GET
def assignees(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """People a conversation may be given to, found by a part of their name."""
    desk = desk_of(request)
    found = conversation_of(desk, conversation_id)
    text = request.GET.get("name", "").replace("\x00", "").strip()[:100]
    context = {
        "opened": opened_of(request, desk, found),
        "conversation": found,
        "people": people.assignable(found.account, text),
        "name": text,
    }
    template = "mentions/_assignees.html" if wants_part(request) else "mentions/assignees.html"
    return varied(render(request, template, context))


@require_GET
def account_recent(request: HttpRequest, account_id: int) -> HttpResponse:
    """A fragment for the account's page: what came in lately."""
    account = get_account(request, account_id)
    desk = Desk(actor_of(request), [account], selectors.Filters(account=account.pk))
    rows = [row_of(desk, row, None) for row in selectors.recent(account)]
    context = {"account": account, "rows": rows, "all_url": desk.url("inbox")}
    return render(request, "mentions/_recent.html", context)

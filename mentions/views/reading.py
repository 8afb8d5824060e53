"""What all pages of the inbox begin with: what one may see, and which part was asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.policy import require
from accounts.web import actor_of, get_account, person_of
from audit.actors import Actor
from mentions.forms import ReplyForm, filters_of, number_of, position
from mentions.models import Conversation, Kind
from mentions.selectors import inbox, thread
from mentions.selectors.inbox import Filters, Page, View
from mentions.selectors.thread import Abilities, Entry, Thread
from scheduling.composing import shown_on


@dataclass(frozen=True, slots=True)
class Desk:
    """The inbox as one person has it in front of them."""

    actor: Actor
    accounts: Sequence[SocialAccount]
    filters: Filters

    @property
    def account_ids(self) -> list[int]:
        return [account.pk for account in self.accounts]

    def url(self, name: str, *args: object, **more: object) -> str:
        """An address of the inbox that keeps the filters."""
        query = "&".join(part for part in (self.filters.query, urlencode(more)) if part)
        return reverse(f"mentions:{name}", args=args) + (f"?{query}" if query else "")


def desk_of(request: HttpRequest) -> Desk:
    """One query. Raises Http404, NotAllowed for a filter by an account not theirs to see."""
    actor = actor_of(request)
    accounts = inbox.accounts_seen(actor)
    asked = number_of(request.GET.get("account", ""))
    if asked is not None and asked not in {account.pk for account in accounts}:
        get_account(request, asked)
    return Desk(actor, accounts, filters_of(request.GET, accounts))


def conversation_of(desk: Desk, conversation_id: int, page: Page | None = None) -> Conversation:
    """The conversation. Raises Http404, and NotAllowed where it is somebody else's.

    `page`: a page of the list that was read already and may have it.
    """
    here = (row for row in page.rows if row.pk == conversation_id) if page else iter(())
    found = next(here, None) or thread.conversation_seen(desk.account_ids, conversation_id)
    if found is not None:
        return found
    other = Conversation.objects.select_related("account").filter(pk=conversation_id).first()
    if other is not None:
        require(desk.actor, Capability.VIEW, other.account)
    raise Http404


def wants_part(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of the page; going back in the browser asks for all of it."""
    htmx = request.htmx  # type: ignore[attr-defined]  # by middleware
    return bool(htmx) and not htmx.history_restore_request


def varied(response: HttpResponse) -> HttpResponse:
    """Tell caches that part and whole page share an address."""
    patch_vary_headers(response, ["HX-Request", "HX-History-Restore-Request"])
    return response


# --- what the templates get -----------------------------------------------------------------


def list_context(
    request: HttpRequest, desk: Desk, open_id: int | None = None, page: Page | None = None
) -> dict[str, Any]:
    """The list. One query unless the page has been read already."""
    page = page or inbox.inbox_page(desk.actor, desk.account_ids, desk.filters)
    return {
        "page": page,
        "rows": [row_of(desk, conversation, open_id) for conversation in page.rows],
        "newest": max((row.last_mention_id or 0 for row in page.rows), default=0),
        "older_url": desk.url("inbox", before=position(page.older)) if page.older else "",
        "newer_url": desk.url("inbox") if desk.filters.before else "",
        "filters": desk.filters,
        "empty": _empty(desk),
    }


def frame_context(request: HttpRequest, desk: Desk) -> dict[str, Any]:
    """Views and filters."""
    person = person_of(request)
    people = [(person.pk, "Me")]
    wanted = desk.filters.assignee
    if wanted and wanted != person.pk:
        other = inbox.assignee_of(desk.account_ids, wanted)
        people += [(other.pk, str(other))] if other else []
    return {
        "views": [
            {
                "value": view.value,
                "label": view.label,
                "icon": _ICONS[view],
                "url": _view_url(desk, view),
                "current": view is desk.filters.view,
            }
            for view in View
        ],
        "accounts": desk.accounts,
        "kinds": Kind.choices,
        "people": people,
        "live_url": desk.url("live", **_before(desk)),
        "inbox_url": reverse("mentions:inbox"),
        "clear_url": _view_url(desk, desk.filters.view, clear=True),
    }


@dataclass(frozen=True)
class Opened:
    """One conversation as a page shows it; read from the database as far as it is asked for."""

    desk: Desk
    conversation: Conversation
    show: int
    asked: int = 0  # the mention somebody chose to answer; 0: the newest

    @cached_property
    def thread(self) -> Thread:
        return thread.thread_of(self.conversation, self.show)

    @cached_property
    def can(self) -> Abilities:
        here = (a for a in self.desk.accounts if a.pk == self.conversation.account_id)
        return thread.abilities_on(next(here))

    def url(self, name: str, *args: object, **more: object) -> str:
        return self.desk.url(name, self.conversation.pk, *args, **more)

    @property
    def older_url(self) -> str:
        return self.desk.url("conversation", self.conversation.pk, show=self.show * 2)

    @cached_property
    def target(self) -> Entry | None:
        """What a reply answers: the message that was chosen, else the newest of theirs."""
        theirs = [e for e in self.thread.entries if e.who == "theirs" and not e.is_removed]
        chosen = [entry for entry in theirs if entry.id == self.asked] or theirs
        return chosen[-1] if chosen else None

    @property
    def takes_replies(self) -> bool:
        return self.conversation.account.can("reply")


def conversation_context(
    request: HttpRequest, opened: Opened, reply: ReplyForm | None = None, **more: Any
) -> dict[str, Any]:
    """One conversation with its reply box."""
    text = str(reply["text"].value() or "") if reply else ""
    return {
        "opened": opened,
        "conversation": opened.conversation,
        "reply": reply,
        "reply_text": text,
        "side": shown_on([opened.conversation.account], text, {}, [], reply=True)[0],
        "me": person_of(request),
        **more,
    }


def opened_of(request: HttpRequest, desk: Desk, conversation: Conversation) -> Opened:
    """`show`: how many mentions; `to`: which of them a reply answers."""
    show = number_of(request.GET.get("show", "")) or 0
    asked = number_of(request.POST.get("to") or request.GET.get("to", "")) or 0
    return Opened(desk, conversation, max(thread.SHOWN, min(show, thread.SHOWN_MAX)), asked)


def row_of(desk: Desk, conversation: Conversation, open_id: int | None) -> dict[str, Any]:
    """A conversation as _components/inbox_row.html shows it."""
    mention = conversation.last_mention
    # The words shown are the last ones, so the name is of who wrote them, not of who began.
    contact = mention.author if mention else conversation.contact
    return {
        "id": conversation.pk,
        "url": desk.url("conversation", conversation.pk, **_before(desk)),
        "name": contact.display_name,
        "handle": contact.handle,
        "platform": conversation.account.platform,
        "text": getattr(conversation, "snippet", "") or "No words",
        "at": conversation.last_at,
        "unread": conversation.status == "unread",
        "risk": "",
        "account": conversation.account.display_name,
        "kind": mention.get_kind_display() if mention else "",
        "assignee": conversation.assignee,
        "current": conversation.pk == open_id,
    }


_ICONS = {
    View.OPEN: "inbox",
    View.UNREAD: "mail",
    View.MINE: "user-check",
    View.UNASSIGNED: "user",
    View.DONE: "circle-check",
    View.MODERATED: "eye-off",
}


def _view_url(desk: Desk, view: View, *, clear: bool = False) -> str:
    filters = Filters(view=view) if clear else desk.filters.within(view)
    return Desk(desk.actor, (), filters).url("inbox")


def _before(desk: Desk) -> dict[str, str]:
    return {"before": position(desk.filters.before)} if desk.filters.before else {}


def _empty(desk: Desk) -> dict[str, str]:
    """What an empty list says: nothing there yet, nothing left, or nothing that fits."""
    if not desk.accounts:
        return {
            "icon": "inbox",
            "title": "No account is yours to read yet",
            "text": "Ask an administrator for a level on the accounts you work with.",
        }
    if desk.filters.is_narrowed:
        return {
            "icon": "search",
            "title": "Nothing fits these filters",
            "text": "Other words or fewer filters may find it.",
        }
    title, text = _EMPTY[desk.filters.view]
    return {"icon": _ICONS[desk.filters.view], "title": title, "text": text}


_EMPTY = {
    View.OPEN: ("All done", "What people write to your accounts appears here by itself."),
    View.UNREAD: ("Nothing unread", "Everything that came in has been read."),
    View.MINE: ("Nothing is assigned to you", "Take a conversation with the key a."),
    View.UNASSIGNED: ("Nothing waits for somebody", "Every open conversation has an assignee."),
    View.DONE: ("Nothing is done yet", "Conversations you mark done are kept here."),
    View.MODERATED: ("Nothing is hidden", "What was hidden, deleted or blocked is found here."),
}

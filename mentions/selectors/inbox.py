"""The list of conversations: views, filters, search, and whether any of it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.postgres.search import SearchQuery
from django.db.models import Exists, OuterRef, Q, QuerySet, TextChoices
from django.db.models.functions import Left

from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import accounts_where
from audit.actors import Actor
from mentions.models import Conversation, Mention, Status
from mentions.selectors.moderation import blocked_by, moderated_in

PAGE = 40
COUNTED = 100
SEARCH_MAX = 1_000
"""Newest mentions a search looks at, so that a common word costs no more than a rare one."""
SNIPPET = 280


class View(TextChoices):
    """The ways into the inbox, as the side of it lists them."""

    OPEN = "open", "All open"
    UNREAD = "unread", "Unread"
    MINE = "mine", "Assigned to me"
    UNASSIGNED = "unassigned", "Unassigned"
    DONE = "done", "Done"
    MODERATED = "moderated", "Hidden or blocked"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list shows. `before`: the last row of the page before, exclusive."""

    view: View = View.OPEN
    account: int | None = None
    kind: str = ""
    assignee: int | None = None
    text: str = ""
    before: tuple[datetime, int] | None = None

    @property
    def query(self) -> str:
        """The filters as a query string, without where in the list one is."""
        parts: dict[str, Any] = {
            "view": "" if self.view is View.OPEN else self.view.value,
            "account": self.account,
            "kind": self.kind,
            "assignee": self.assignee,
            "q": self.text,
        }
        return urlencode({key: value for key, value in parts.items() if value})

    @property
    def is_narrowed(self) -> bool:
        return bool(self.account or self.kind or self.assignee or self.text)

    def within(self, view: View) -> Filters:
        """The same filters in another view, from the top."""
        return replace(self, view=view, before=None)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows newest first. `token` changes with anything that shows in them."""

    rows: Sequence[Conversation]
    older: tuple[datetime, int] | None
    token: str


def accounts_seen(actor: Actor) -> list[SocialAccount]:
    """The accounts whose inbox is this person's to read. One query.

    Each says `may_draft`, `may_publish` and `may_moderate`, as the policy would.
    """
    here = {"pk": OuterRef("pk")}
    accounts = accounts_where(actor, Capability.VIEW)
    return list(
        accounts.annotate(
            may_draft=Exists(accounts_where(actor, Capability.DRAFT).filter(**here)),
            may_publish=Exists(accounts_where(actor, Capability.PUBLISH).filter(**here)),
            may_moderate=Exists(accounts_where(actor, Capability.MODERATE).filter(**here)),
        )
    )


def conversations_of(account_ids: Iterable[int]) -> QuerySet[Conversation]:
    """Conversations of these accounts, with all that a row shows and no more of the text."""
    return (
        Conversation.objects.filter(account__in=list(account_ids))
        .select_related("account", "contact", "assignee", "last_mention__author")
        .defer("last_mention__text", "last_mention__search", "last_mention__reply_ref")
        .annotate(snippet=Left("last_mention__text", SNIPPET), blocked_by=blocked_by())
    )


def inbox_page(actor: Actor, account_ids: Sequence[int], filters: Filters) -> Page:
    """One page of the list, on `account_ids` (accounts this actor may view). One query."""
    rows = _narrowed(conversations_of(account_ids), actor, account_ids, filters)
    if filters.before is not None:
        at, pk = filters.before
        # The first says nothing more than the second, but it is what an index can start from.
        rows = rows.filter(last_at__lte=at).filter(Q(last_at__lt=at) | Q(pk__lt=pk))
    found = list(rows.order_by("-last_at", "-pk")[: PAGE + 1])
    shown = found[:PAGE]
    older = (shown[-1].last_at, shown[-1].pk) if len(found) > PAGE else None
    return Page(shown, older, token_of(shown))


def token_of(rows: Iterable[Conversation]) -> str:
    """A short word that is the same exactly while the rows show the same."""
    parts = [f"{row.pk}.{row.version}.{row.status}.{row.assignee_id}" for row in rows]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:16]


def unread_count(actor: Actor) -> int:
    """How many conversations nobody has read, counted no further than COUNTED. One query."""
    accounts = accounts_where(actor, Capability.VIEW)
    unread = Conversation.objects.filter(account__in=accounts, status=Status.UNREAD)
    return unread.values("pk")[:COUNTED].count()


def recent(account: SocialAccount, limit: int = 5) -> list[Conversation]:
    """What came in lately on one account, newest first. One query."""
    return list(conversations_of([account.pk]).order_by("-last_at", "-pk")[:limit])


def assignee_of(account_ids: Sequence[int], user_id: int) -> User | None:
    """The person of a filter, if any conversation one may see is theirs."""
    theirs = Conversation.objects.filter(account__in=account_ids, assignee=user_id)
    return User.objects.filter(pk__in=theirs.values("assignee")[:1]).first()


def _narrowed(
    rows: QuerySet[Conversation], actor: Actor, account_ids: Sequence[int], filters: Filters
) -> QuerySet[Conversation]:
    if filters.view is View.MODERATED:
        rows = rows.filter(pk__in=moderated_in(account_ids))
    else:
        rows = rows.filter(_in_view(filters.view, actor))
    if filters.account is not None:
        rows = rows.filter(account=filters.account)
    if filters.kind:
        rows = rows.filter(last_mention__kind=filters.kind)
    if filters.assignee is not None:
        rows = rows.filter(assignee=filters.assignee)
    if filters.text:
        rows = rows.filter(pk__in=_matching(account_ids, filters.text))
    return rows


def _in_view(view: View, actor: Actor) -> Q:
    to_do = ~Q(status=Status.DONE)  # in these words, so that the index of what is to do is used
    match view:
        case View.UNREAD:
            return Q(status=Status.UNREAD)
        case View.MINE:
            return to_do & Q(assignee=actor.id)
        case View.UNASSIGNED:
            return to_do & Q(assignee=None)
        case View.DONE:
            return Q(status=Status.DONE)
        case _:
            return to_do


def _matching(account_ids: Sequence[int], text: str) -> QuerySet[Any]:
    """Ids of conversations in which the words were said. No words are wrong: see websearch."""
    words = SearchQuery(text, config="simple", search_type="websearch")
    said = Mention.objects.filter(account__in=account_ids, search=words)
    return said.order_by("-pk").values("conversation")[:SEARCH_MAX]

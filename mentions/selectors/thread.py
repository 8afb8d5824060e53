"""One conversation: what was said, by whom, and what we made of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Max, QuerySet

from accounts.levels import Capability, lowest_level
from accounts.models import SocialAccount, User
from mentions.models import Conversation, Mention, Note
from mentions.selectors.inbox import conversations_of
from mentions.selectors.moderation import Acts, Moderated, with_acts
from scheduling.models import Delivery

SHOWN = 50
"""Mentions of a thread shown at first; `show` asks for more, up to SHOWN_MAX."""
SHOWN_MAX = 500


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a person may do with conversations of one account, and why not more."""

    draft: bool  # answer, assign, note, mark
    sends: bool  # replies go out without review
    moderate: bool = False  # hide, delete, block
    reason: str = ""

    @property
    def reply_words(self) -> str:
        return "Send reply" if self.sends else "Send for approval"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a conversation, as _components/message.html shows it."""

    who: str  # theirs, ours, note
    at: datetime
    text: str
    id: int
    name: str = ""
    handle: str = ""
    platform: str = ""
    account: SocialAccount | None = None
    author: User | None = None
    state: str = ""  # of our reply's delivery, as the engine has it
    problem: str = ""
    url: str = ""
    post_id: int | None = None
    kind: str = ""
    moderated: Moderated | None = None

    @property
    def is_removed(self) -> bool:
        return self.moderated is not None and self.moderated.is_removed


@dataclass(frozen=True, slots=True)
class Thread:
    """Entries oldest first. `more`: there are older mentions. `token` changes with anything shown.

    `answered`: the newest reply's id, so that a second answer is noticed.
    """

    entries: Sequence[Entry]
    newest: Mention | None
    more: bool
    answered: int
    token: str


def conversation_seen(account_ids: Sequence[int], conversation_id: int) -> Conversation | None:
    """The conversation, if it is on one of these accounts. One query."""
    return conversations_of(account_ids).filter(pk=conversation_id).first()


def abilities_on(account: Any) -> Abilities:
    """What may be done on `account`, as it comes from accounts_seen. No query."""
    if account.may_draft:
        sends = account.may_publish and not account.approval_required
        return Abilities(True, sends, account.may_moderate)
    if account.is_frozen:
        return Abilities(False, False, reason=f"The account is frozen: {account.frozen_reason}")
    if not account.is_connected:
        return Abilities(False, False, reason="The account is disconnected: nothing can be sent.")
    level = lowest_level(Capability.DRAFT).label.lower()
    return Abilities(False, False, reason=f"To answer, assign or note you need the level {level}.")


def thread_of(conversation: Conversation, show: int = SHOWN) -> Thread:
    """What was said in a conversation, by both sides, and our notes. Three queries."""
    show = min(max(show, SHOWN), SHOWN_MAX)
    found = _mentions(conversation, show + 1)
    mentions, more = found[:show], len(found) > show
    since = mentions[-1].posted_at if more else None
    deliveries, notes = _deliveries(conversation), _notes(conversation)
    entries = [_theirs(mention, conversation.account) for mention in mentions]
    entries += [_ours(delivery, conversation.account) for delivery in deliveries]
    entries += [_noted(note) for note in notes]
    if since is not None:
        entries = [entry for entry in entries if entry.at >= since]
    answered = max((delivery.reply_id for delivery in deliveries), default=0)
    return Thread(
        entries=sorted(entries, key=lambda entry: (entry.at, entry.who, entry.id)),
        newest=mentions[0] if mentions else None,
        more=more and show < SHOWN_MAX,
        answered=answered,
        token=_token(
            conversation,
            [(delivery.pk, delivery.state) for delivery in deliveries],
            notes[0].pk if notes else None,
        ),
    )


def thread_token(conversation: Conversation) -> str:
    """The token of what thread_of would show, without reading it. Two queries."""
    states = _replied(conversation).values_list("pk", "state")[:SHOWN_MAX]
    note = Note.objects.filter(conversation=conversation).aggregate(last=Max("pk"))["last"]
    return _token(conversation, list(states), note)


def mention_in(conversation: Conversation, mention_id: int) -> Mention | None:
    """A mention of this conversation and no other, with its `acts`."""
    rows = with_acts(conversation.mentions.select_related("author"))
    return rows.filter(pk=mention_id).first()


def earlier_contacts(
    account_ids: Sequence[int], conversation: Conversation, limit: int = 10
) -> list[Conversation]:
    """Other conversations with the same person, on accounts one may view. One query."""
    others = conversations_of(account_ids).filter(contact=conversation.contact_id)
    return list(others.exclude(pk=conversation.pk).order_by("-last_at")[:limit])


def _mentions(conversation: Conversation, limit: int) -> list[Mention]:
    rows = with_acts(conversation.mentions.select_related("author").defer("search"))
    return list(rows.order_by("-posted_at", "-pk")[:limit])


def _replied(conversation: Conversation) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(post__reply__conversation=conversation)
    return rows.order_by("-pk")


def _deliveries(conversation: Conversation) -> list[Any]:
    """Our replies' deliveries, newest first, each with its `reply_id`."""
    rows = _replied(conversation).select_related("post__author")
    return list(rows.annotate(reply_id=F("post__reply__id"))[:SHOWN_MAX])


def _notes(conversation: Conversation) -> list[Note]:
    rows = Note.objects.filter(conversation=conversation).select_related("author")
    return list(rows.order_by("-pk")[:SHOWN_MAX])


def _theirs(mention: Mention, account: SocialAccount) -> Entry:
    return Entry(
        who="theirs",
        at=mention.posted_at,
        text=mention.text,
        id=mention.pk,
        name=mention.author.display_name,
        handle=mention.author.handle.removeprefix("@"),
        platform=account.platform,
        url=mention.permalink,
        kind=mention.get_kind_display(),
        moderated=Acts(mention, account).shown(),
    )


def _ours(delivery: Any, account: SocialAccount) -> Entry:
    return Entry(
        who="ours",
        at=delivery.published_at or delivery.post.created_at,
        text=delivery.text,
        id=delivery.pk,
        platform=account.platform,
        account=account,
        author=delivery.post.author,
        state=delivery.state,
        problem=delivery.problem or delivery.hold_reason,
        url=delivery.permalink,
        post_id=delivery.post_id,
    )


def _noted(note: Note) -> Entry:
    return Entry(who="note", at=note.at, text=note.text, id=note.pk, author=note.author)


def _token(conversation: Conversation, states: list[tuple[int, str]], note: int | None) -> str:
    parts = [conversation.version, conversation.status, conversation.assignee_id, note, states]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

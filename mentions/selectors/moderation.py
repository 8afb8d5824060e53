"""What was hidden, deleted or blocked, and what else can be: for one conversation, one account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject

from accounts.models import SocialAccount, User
from mentions.models import Act, Mention, Moderation, Outcome
from mentions.models.moderation import ON_MESSAGE, ON_PERSON
from mentions.moderation import WORDS, Standing, lacking

LISTED = 200


@dataclass(frozen=True, slots=True)
class Option:
    """An entry of a message's menu; `why`: why it cannot be done, '' when it can."""

    act: Act
    words: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Moderated:
    """One message: all that was asked about it or from it, oldest first, and what else can be."""

    acts: Sequence[Moderation]
    options: Sequence[Option]
    is_hidden: bool = False
    is_removed: bool = False

    @property
    def state(self) -> str:
        return "removed" if self.is_removed else "hidden" if self.is_hidden else ""


_TOLD = JSONObject(
    **{name: name for name in ("id", "act", "reason", "note", "state", "in_force", "problem")},
    **{name: name for name in ("mention_id", "contact_id", "asked_at", "ended_at")},
    by="by__full_name",
)


def with_acts(mentions: QuerySet[Mention]) -> QuerySet[Any]:
    """The mentions, each with its `acts`: those on it and those on its author, for `Acts`.

    In the same query, since a page has no more of them to spare.
    """
    on_author = Q(act__in=ON_PERSON, account=OuterRef("account"), contact=OuterRef("author"))
    acts = Moderation.objects.filter(Q(mention=OuterRef("pk")) | on_author).order_by("pk")
    return mentions.annotate(acts=ArraySubquery(acts.values(told=_TOLD)))


class Acts:
    """What was asked about one message of `with_acts` and its author. No query."""

    def __init__(self, mention: Any, account: SocialAccount) -> None:
        mention.account = account
        self.mention: Mention = mention
        self.rows = [_read(told, account) for told in mention.acts]

    @property
    def on_message(self) -> Standing:
        """Where the message stands."""
        return Standing([one for one in self.rows if one.act in ON_MESSAGE])

    @property
    def on_person(self) -> Standing:
        """Where its author stands on this account."""
        return Standing([one for one in self.rows if one.act in ON_PERSON])

    def shown(self) -> Moderated:
        """What a page shows with the message."""
        message = self.on_message
        held = message.in_force.act if message.in_force else ""
        return Moderated(
            acts=[one for one in self.rows if one.mention_id == self.mention.pk],
            options=list(_options(self.mention, message, self.on_person)),
            is_hidden=held == Act.HIDE,
            is_removed=held == Act.REMOVE,
        )


def _read(told: dict[str, Any], account: SocialAccount) -> Moderation:
    """An act out of JSON, to be read and never saved."""
    times = {n: told[n] and datetime.fromisoformat(told[n]) for n in ("asked_at", "ended_at")}
    by = User(full_name=told["by"])
    return Moderation(**{**told, **times, "account": account, "by": by})


def blocked_by() -> Subquery:
    """To annotate conversations with: the name of who had the person they are with blocked."""
    block = Moderation.objects.filter(
        in_force=True, act=Act.BLOCK, account=OuterRef("account"), contact=OuterRef("contact")
    )
    return Subquery(block.values("by__full_name")[:1])


def blocked_on(account: SocialAccount) -> list[Moderation]:
    """Whom the account has blocked, as far as it was done from here; the latest first."""
    rows = Moderation.objects.filter(account=account, in_force=True, act=Act.BLOCK)
    return list(rows.select_related("contact", "by", "conversation").order_by("-pk")[:LISTED])


def moderated_in(account_ids: Iterable[int]) -> QuerySet[Moderation, Any]:
    """Conversations with something hidden, deleted, blocked, or asked to be."""
    open_or_held = Q(in_force=True) | Q(state=Outcome.ASKED)
    rows = Moderation.objects.filter(open_or_held, account__in=list(account_ids))
    return rows.values("conversation")


def _options(mention: Mention, message: Standing, person: Standing) -> Iterable[Option]:
    held = message.in_force
    if held is None or held.act != Act.REMOVE:
        yield _option(mention, message, _next(message, Act.HIDE, Act.SHOW))
        yield _option(mention, message, Act.REMOVE)
    yield _option(mention, person, _next(person, Act.BLOCK, Act.UNBLOCK))


def _next(standing: Standing, act: Act, back: Act) -> Act:
    """Doing it, or taking it back where it is done or being asked for."""
    latest = standing.pending or standing.in_force
    return back if latest is not None and latest.act == act else act


def _option(mention: Mention, standing: Standing, act: Act) -> Option:
    words = WORDS[act].ask
    return Option(
        act, words[0].upper() + words[1:], lacking(mention, act) or standing.hindrance(act)
    )

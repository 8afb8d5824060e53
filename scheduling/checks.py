"""What keeps a post from going out on an account, found before it is tried."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from accounts.errors import Invalid
from accounts.models import SocialAccount
from platforms.checking import post_problems
from platforms.contract import Feature, Outgoing
from platforms.counting import Problem
from scheduling.attached import ByPost, attached, showing
from scheduling.content import media_of
from scheduling.elements import LABELS, NOTHING, Element, Elements, elements_from
from scheduling.models import Delivery

_SOME_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # no rule asks for it


def content_problems(
    account: SocialAccount,
    text: str,
    media: ByPost,
    elements: Elements = NOTHING,
    *,
    reply: bool = False,
) -> list[Problem]:
    """What is wrong with this content on this account; empty when it may go out.

    By the limits of the account's own server, and by what its platform has. `reply`: it answers
    something, and words are enough for that everywhere.
    """
    info, limits = account.info, account.limits
    if reply:
        limits = replace(limits, media_required=False)
    draft = Outgoing(key="", text=text, created_at=_SOME_TIME)
    post = showing(elements.onto(draft, info, account.base_url), media)
    return [
        *_quote_problems(account, elements),
        *_spare_problems(media, posts=1 + len(post.parts)),
        *post_problems(post, info, limits),
    ]


def _spare_problems(media: ByPost, posts: int) -> Iterator[Problem]:
    for number, shown in media.items():
        if shown.spare and number <= posts:
            where = f"Post {number} of the thread: " if number > 1 else ""
            told = f"{where}A post has one video at the most. Take out the others."
            yield Problem("too_many_videos", told, "media", number)


def _quote_problems(account: SocialAccount, elements: Elements) -> Iterator[Problem]:
    address = account.info.post_address
    if not elements.quote or address is None or not account.can(Feature.QUOTE):
        return
    if not address.id_at(elements.quote, account.base_url):
        yield Problem(
            "quote_address",
            f"The quote is no address of a post on {account.info.label}. One looks like "
            f"{address.example}",
            about=Element.QUOTE,
        )


def delivery_problems(delivery: Delivery) -> list[Problem]:
    """What is wrong with a delivery as it stands."""
    return content_problems(
        delivery.account,
        delivery.text,
        attached(media_of(delivery), delivery.account.limits),
        elements_from(delivery.elements),
        reply=delivery.reply_to is not None,
    )


def is_hopeless(problem: Problem) -> bool:
    """Whether it is about something that this account can never show."""
    return problem.code in ("not_supported", "quote_address")


def advice_on(problem: Problem) -> str:
    """What to do about something that this account can never show, '' for anything else."""
    if not is_hopeless(problem) or problem.about not in LABELS:
        return ""
    label = LABELS[Element(problem.about)]
    return f"Leave out {label} there, or take the account out of the post."


def refuse_problems(delivery: Delivery) -> None:
    """Raise Invalid with the first problem of a delivery, naming its account."""
    for problem in delivery_problems(delivery):
        words = f"{delivery.account.display_name}: {problem.message} {advice_on(problem)}"
        raise Invalid("text" if (problem.about, problem.part) == ("text", 1) else "", words.strip())

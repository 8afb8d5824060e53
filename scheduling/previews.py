"""A post as its readers would see it, for `_components/preview.html`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from accounts.models import SocialAccount
from platforms.contract import Audience, Form
from scheduling.elements import AUDIENCES, FORMS, Elements, minutes_in_words
from scheduling.models import Media
from scheduling.variants import variant_of


def preview_of(
    account: SocialAccount,
    text: str,
    media: Iterable[Media],
    elements: Elements,
    *,
    over: int = 0,
    reply_to: str = "",
) -> dict[str, Any]:
    """What one account would show. `over`: characters too many; `reply_to`: what is answered."""
    return {
        "platform": account.platform,
        "name": account.display_name,
        "handle": account.handle.lstrip("@"),
        "text": text,
        "over": over,
        "reply_to": reply_to,
        **shown_of(elements, media_shown(media, account)),
    }


ByPost = Mapping[int, Sequence[dict[str, Any]]]
"""Pictures and videos to be shown, by the number of the post of the thread."""


def media_shown(media: Iterable[Media], account: SocialAccount | None = None) -> ByPost:
    """Pictures and videos of each post: on one account as it gets them, where that was made."""
    found: dict[int, list[dict[str, Any]]] = {}
    for one in media:
        variant = variant_of(one, account.limits) if account else None
        url = f"/media/{one.token}/" + (f"?as={variant.pk}" if variant else "")
        shown = {"url": url, "alt": one.alt_text, "is_video": one.is_video, "noun": one.noun}
        found.setdefault(one.part, []).append(shown)
    return found


def shown_of(elements: Elements, media: ByPost) -> dict[str, Any]:
    """The elements and pictures for a page: words in place of what machines call things; '' for
    none. `thread`: number, text and pictures of each further post."""
    poll = elements.poll
    return {
        "media": media.get(1, ()),
        "thread": [(n, text, media.get(n, ())) for n, text in enumerate(elements.thread, 2)],
        "posts": 1 + len(elements.thread),
        "poll": poll and {"options": poll.options, "open_for": minutes_in_words(poll.minutes)},
        "quote": elements.quote,
        "link": elements.link,
        "link_host": host_of(elements.link),
        "audience": "" if elements.audience is Audience.EVERYBODY else AUDIENCES[elements.audience],
        "first_comment": elements.first_comment,
        "form": "" if elements.form is Form.POST else FORMS[elements.form],
    }


def host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:  # half a bracket
        return ""

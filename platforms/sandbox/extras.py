"""What a Sandbox post has beside its text and images: read from requests, checked, stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from platforms.markup import safe_url
from platforms.sandbox.records import (
    AUDIENCES,
    FORMS,
    LINK_MAX,
    POLL_MINUTES,
    POLL_OPTION_MAX,
    POLL_OPTIONS,
    Extras,
    NotAllowed,
)
from platforms.sandbox.text import clean

NONE = Extras()


def extras_asked(asked: Mapping[str, Any]) -> Extras:
    """The extras in the body of a request. Raises NotAllowed for what is none of this network."""
    poll = asked.get("poll") or {}
    options = poll.get("options", []) if isinstance(poll, dict) else None
    minutes = poll.get("minutes", 0) if isinstance(poll, dict) else None
    quote = asked.get("quote") or None
    texts = [asked.get("link") or "", *(options or [])]
    if options is None or not isinstance(options, list) or not isinstance(minutes, int):
        raise NotAllowed("body_invalid", "'poll' has to have options and minutes.", status=400)
    if not all(isinstance(one, str) for one in texts):
        raise NotAllowed("body_invalid", "A link and an option are texts.", status=400)
    if quote is not None and not (isinstance(quote, str) and quote.isdecimal() and len(quote) < 19):
        raise NotAllowed("quote_missing", "The post you are quoting is gone.")
    return checked(
        Extras(
            options=tuple(clean(one) for one in options),
            minutes=minutes,
            quote=int(quote) if quote else None,
            link=str(asked.get("link") or ""),
            audience=str(asked.get("audience") or "everybody"),
            form=str(asked.get("form") or "post"),
        )
    )


def checked(extras: Extras) -> Extras:
    """The same. Raises NotAllowed for what breaks a limit."""
    least, most = POLL_OPTIONS
    if extras.options and not least <= len(extras.options) <= most:
        raise NotAllowed("poll_options", f"A poll has {least} to {most} options.")
    if any(not 1 <= len(option) <= POLL_OPTION_MAX for option in extras.options):
        raise NotAllowed("poll_option", f"An option has 1 to {POLL_OPTION_MAX} characters.")
    shortest, longest = POLL_MINUTES
    if extras.options and not shortest <= extras.minutes <= longest:
        raise NotAllowed("poll_time", f"A poll is open for {shortest} to {longest} minutes.")
    if extras.link and (len(extras.link) > LINK_MAX or not safe_url(extras.link)):
        raise NotAllowed("link_invalid", "The link is no web address.")
    if extras.audience not in AUDIENCES or extras.form not in FORMS:
        raise NotAllowed("body_invalid", "This network has no such form or audience.", status=400)
    return extras


def stored(extras: Extras) -> str:
    """As the table holds them; an empty object for none."""
    told = {key: value for key, value in asdict(extras).items() if value != getattr(NONE, key)}
    return json.dumps(told, sort_keys=True)


def loaded(column: str) -> Extras:
    told = json.loads(column)
    return Extras(**{**told, "options": tuple(told.get("options", ()))})


def told(extras: Extras) -> dict[str, Any]:
    """As an answer of the API says them."""
    poll = {"options": list(extras.options), "minutes": extras.minutes} if extras.options else None
    return {
        "poll": poll,
        "quote": str(extras.quote) if extras.quote else None,
        "link": extras.link,
        "audience": extras.audience,
        "form": extras.form,
    }

"""What a post has beside its text and pictures: a thread's further posts, a poll, a quote, …

Kept as JSON in which an element that is not used does not appear, so that a post without any says
what posts said before there were elements, and is the same content by its hash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from platforms.contract import Audience, Feature, Form, Outgoing, Part, PlatformInfo, Poll


class Element(StrEnum):
    """By the names of the fields of `Elements`, in the order in which people read of them."""

    THREAD = "thread"
    POLL = "poll"
    QUOTE = "quote"
    LINK = "link"
    AUDIENCE = "audience"
    FIRST_COMMENT = "first_comment"
    FORM = "form"


LABELS = {
    Element.THREAD: "the further posts",
    Element.POLL: "the poll",
    Element.QUOTE: "the quote",
    Element.LINK: "the link beside the text",
    Element.AUDIENCE: "the choice of who may reply",
    Element.FIRST_COMMENT: "the first comment",
    Element.FORM: "the form of reel or story",
}
FEATURES: dict[Element, tuple[Feature, ...]] = {
    Element.THREAD: (Feature.THREAD,),
    Element.POLL: (Feature.POLL,),
    Element.QUOTE: (Feature.QUOTE,),
    Element.LINK: (Feature.LINK,),
    Element.AUDIENCE: (Feature.AUDIENCE,),
    Element.FIRST_COMMENT: (Feature.FIRST_COMMENT,),
    Element.FORM: (Feature.REEL, Feature.STORY),
}
"""Any of which a platform has to declare for the element to be of use there."""
AUDIENCES = {
    Audience.EVERYBODY: "Everybody",
    Audience.FOLLOWED: "Those the account follows",
    Audience.MENTIONED: "Those who are named in it",
}
FORMS = {Form.POST: "Post", Form.REEL: "Reel", Form.STORY: "Story"}


@dataclass(frozen=True, slots=True)
class Elements:
    """`thread`: the texts of what follows the first post. `quote`: an address, as pasted."""

    thread: tuple[str, ...] = ()
    poll: Poll | None = None
    quote: str = ""
    link: str = ""
    audience: Audience = Audience.EVERYBODY
    first_comment: str = ""
    form: Form = Form.POST

    @property
    def used(self) -> list[Element]:
        """Which of them the post has."""
        return [Element(one.name) for one in fields(self) if getattr(self, one.name) != one.default]

    def without(self, left_out: Iterable[Element]) -> Elements:
        return replace(self, **{str(name): getattr(NOTHING, name) for name in left_out})

    def as_json(self) -> dict[str, Any]:
        """Only what is used."""
        told: dict[str, Any] = {}
        for name in self.used:
            value = getattr(self, name)
            if isinstance(value, Poll):
                value = {"options": list(value.options), "minutes": value.minutes}
            told[str(name)] = list(value) if isinstance(value, tuple) else value
        return told

    def onto(self, post: Outgoing, info: PlatformInfo, server: str) -> Outgoing:
        """`post` with these, as a platform gets them."""
        address = info.post_address
        return replace(
            post,
            parts=[Part(text) for text in self.thread],
            poll=self.poll,
            quote=(address.id_at(self.quote, server) if address else "") or self.quote,
            link=self.link,
            audience=self.audience,
            form=self.form,
            first_comment=self.first_comment,
        )


NOTHING = Elements()


def elements_from(told: Mapping[str, Any]) -> Elements:
    """Elements as `as_json` and the database left them."""
    poll = told.get("poll")
    return Elements(
        thread=tuple(told.get("thread", ())),
        poll=Poll(tuple(poll["options"]), poll["minutes"]) if poll else None,
        quote=told.get("quote", ""),
        link=told.get("link", ""),
        audience=Audience(told.get("audience", Audience.EVERYBODY)),
        first_comment=told.get("first_comment", ""),
        form=Form(told.get("form", Form.POST)),
    )


def cleaned(elements: Elements, showing: Collection[int] = ()) -> Elements:
    """The same with every text as texts are kept; further posts that say nothing are none.

    `showing`: the numbers of posts of the thread that have pictures, and need no words.
    """
    further = [
        text
        for number, text in enumerate(map(clean_text, elements.thread), 2)
        if text or number in showing
    ]
    poll = elements.poll
    if poll is not None:
        options = [clean_text(option) for option in poll.options]
        poll = Poll(tuple(option for option in options if option), poll.minutes)
    return replace(
        elements,
        thread=tuple(further),
        poll=poll if poll and poll.options else None,
        quote=clean_text(elements.quote),
        link=clean_text(elements.link),
        first_comment=clean_text(elements.first_comment),
    )


def clean_text(text: str) -> str:
    """One kind of line end and no NUL, which PostgreSQL cannot hold."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def minutes_in_words(minutes: int) -> str:
    """How long a poll is open: '90 minutes', '1 day'."""
    for unit, name in ((1_440, "day"), (60, "hour")):
        if minutes % unit == 0:
            number = minutes // unit
            return f"{number} {name}" if number == 1 else f"{number} {name}s"
    return f"{minutes} minutes"


def told(elements: Elements) -> dict[str, Any]:
    """As the record says it: JSON whose keys are words for people."""
    found = elements.without([Element.AUDIENCE, Element.FORM]).as_json()
    if elements.thread:
        found["thread"] = {f"post {n}": text for n, text in enumerate(elements.thread, 2)}
    if elements.poll:
        found["poll"] = {
            "options": list(elements.poll.options),
            "open for": minutes_in_words(elements.poll.minutes),
        }
    if elements.audience is not Audience.EVERYBODY:
        found["who may reply"] = AUDIENCES[elements.audience]
    if elements.form is not Form.POST:
        found["shown as"] = FORMS[elements.form]
    return found


def in_brief(elements: Elements) -> str:
    """For a line of a list: 'Thread of 3, poll'."""
    named = {
        Element.THREAD: f"thread of {len(elements.thread) + 1}",
        Element.POLL: "poll",
        Element.QUOTE: "quote",
        Element.LINK: "link",
        Element.AUDIENCE: "not everybody may reply",
        Element.FIRST_COMMENT: "first comment",
        Element.FORM: FORMS[elements.form].lower(),
    }
    words = ", ".join(named[name] for name in elements.used)
    return words[:1].upper() + words[1:]


def words_of(content: Mapping[str, Any]) -> str:
    """The whole of a content (see `scheduling.content`) as one text, to be held against another."""
    elements = elements_from(content)
    said = [str(content.get("text", "")), _pictures_of(content, 1)]
    for number, text in enumerate(elements.thread, 2):
        post = [f"Post {number} of the thread:", text, _pictures_of(content, number)]
        said.append("\n".join(one for one in post if one))
    if elements.poll:
        options = "\n".join(f"– {option}" for option in elements.poll.options)
        said.append(f"Poll, open for {minutes_in_words(elements.poll.minutes)}:\n{options}")
    told = {
        "Quotes": elements.quote,
        "Link": elements.link,
        "Who may reply": "" if elements.audience is Audience.EVERYBODY
        else AUDIENCES[elements.audience],
        "Shown as": "" if elements.form is Form.POST else FORMS[elements.form],
        "First comment": elements.first_comment,
    }  # fmt: skip
    said += [f"{name}: {value}" for name, value in told.items() if value]
    return "\n\n".join(one for one in said if one)


def _pictures_of(content: Mapping[str, Any], number: int) -> str:
    """What is shown with one post of the thread, a line for each."""
    shown = [one for one in content.get("media", ()) if one.get("part", 1) == number]
    return "\n".join(f"[shows: {one['alt_text'] or 'without words'}]" for one in shown)

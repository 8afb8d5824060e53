"""Which elements the composer offers for the chosen accounts, by what their platforms declare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accounts.models import SocialAccount
from platforms.contract import Form
from scheduling.checks import is_hopeless
from scheduling.composing import Shown
from scheduling.elements import (
    AUDIENCES,
    FEATURES,
    FORMS,
    LABELS,
    Element,
    Elements,
    minutes_in_words,
)

TEXT = "text"
"""What is left out beside elements: the words, where a form shows none."""
_MINUTES = (5, 30, 60, 360, 720, 1_440, 4_320, 10_080, 20_160, 43_200)
_USUAL_MINUTES = 1_440


@dataclass(frozen=True, slots=True)
class Leave:
    """One account on which something may be left out. `why`: what is wrong there otherwise."""

    account: SocialAccount
    what: str  # an Element or TEXT
    left_out: bool
    why: str = ""

    @property
    def words(self) -> str:
        return "the words" if self.what == TEXT else LABELS[Element(self.what)]


@dataclass(frozen=True, slots=True)
class Offers:
    """What the form shows. An element that is used is offered in any case, so none is lost."""

    thread: bool = False
    poll: bool = False
    quote: bool = False
    link: bool = False
    audience: bool = False
    first_comment: bool = False
    form: bool = False
    used: frozenset[str] = frozenset()
    options: Sequence[str] = ()  # of the poll: what is typed, then empty ones
    minutes: Sequence[tuple[int, str]] = ()
    chosen_minutes: int = _USUAL_MINUTES
    forms: Sequence[tuple[str, str]] = ()
    audiences: Sequence[tuple[str, str]] = tuple((str(k), v) for k, v in AUDIENCES.items())
    examples: Sequence[str] = ()  # addresses of posts as they look there
    leaves: Mapping[str, Sequence[Leave]] = field(default_factory=dict)

    @property
    def quote_help(self) -> str:
        """What an address looks like there."""
        return f"Paste it from there. It looks like {' or '.join(self.examples)}"

    @property
    def by_place(self) -> list[tuple[str, Sequence[Leave]]]:
        """Each element that has a place in the page, with what may be left out beside it."""
        names = [str(name) for name in Element if getattr(self, name)]
        return [(name, self.leaves.get(name, ())) for name in names]

    @property
    def any(self) -> bool:
        """Whether there is anything beside the thread, which has its place under the text."""
        rest = ("poll", "quote", "link", "audience", "first_comment", "form")
        return any(getattr(self, name) for name in rest)


def offers_for(
    accounts: Sequence[SocialAccount],
    elements: Elements,
    leaves: Mapping[str, Sequence[Leave]],
) -> Offers:
    """What to offer while `elements` is what has been written so far."""
    used = frozenset(str(name) for name in elements.used)
    shown: dict[str, Any] = {
        str(name): str(name) in used or any(account.can(one) for account in accounts for one in ask)
        for name, ask in FEATURES.items()
    }
    polls = [account.limits.poll for account in accounts if account.limits.poll]
    options = list(elements.poll.options) if elements.poll else []
    room = max([poll.options_max for poll in polls], default=2)
    minutes = elements.poll.minutes if elements.poll else _USUAL_MINUTES
    lengths = {
        each for each in _MINUTES if any(p.minutes_min <= each <= p.minutes_max for p in polls)
    }
    addresses = [account.info.post_address for account in accounts if account.can("quote")]
    return Offers(
        **shown,
        used=used,
        options=[*options, *[""] * (room - len(options))],
        minutes=[(each, minutes_in_words(each)) for each in sorted(lengths | {minutes})],
        chosen_minutes=minutes,
        forms=_forms(accounts, elements.form),
        examples=list(dict.fromkeys(one.example for one in addresses if one)),
        leaves=leaves,
    )


def _forms(accounts: Sequence[SocialAccount], chosen: Form) -> list[tuple[str, str]]:
    """The form of a post is there everywhere; the others are features by their names."""
    return [
        (str(form), words)
        for form, words in FORMS.items()
        if form in (Form.POST, chosen) or any(account.can(form) for account in accounts)
    ]


def _leaves_on(side: Shown, written: Elements, *, several: bool) -> list[Leave]:
    """What may be left out on this account: what is left out already, and what is wrong there.

    What could be put right is put right where it is the only account, and not `several`.
    """
    account, left_out, found = side.account, side.left_out, side.found
    leaves = []
    for name in map(str, written.used):
        wrong = [one for one in found if one.about == name]
        why = next((one.message for one in wrong if several or is_hopeless(one)), "")
        if why or name in left_out:
            leaves.append(Leave(account, name, name in left_out, why))
    why = next((one.message for one in found if one.code == "words_not_shown"), "")
    if why or TEXT in left_out:
        leaves.append(Leave(account, TEXT, TEXT in left_out, why))
    return leaves


def leaves_for(shown: Sequence[Shown], written: Elements) -> dict[str, list[Leave]]:
    """The leaves of all accounts by the element beside which the page shows them."""
    found: dict[str, list[Leave]] = {}
    for side in shown:
        for leave in _leaves_on(side, written, several=len(shown) > 1):
            place = str(Element.FORM) if leave.what == TEXT else leave.what
            found.setdefault(place, []).append(leave)
    return found

"""The filters of the record page."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import SocialAccount, User
from audit.actions import EVENTS
from audit.actors import ActorKind
from audit.erasing import REFERENCE, Because
from audit.selectors.events import Filters
from audit.selectors.words import searched_words
from audit.spans import SPANS
from audit.telling import event_words

MACHINES = {
    "Socialdesk": ActorKind.WORKER,
    "Commands at the server": ActorKind.COMMAND,
    "Not signed in": ActorKind.ANONYMOUS,
}
"""Who acts without being a person, by the words that choose them."""

ROOMS = {
    "delivery": "Deliveries",
    "post": "Posts",
    "media": "Pictures",
    "conversation": "Conversations",
    "mention": "Mentions",
    "moderation": "Moderation",
    "account": "Accounts",
    "grant": "Levels",
    "person": "People",
    "team": "Teams",
    "invitation": "Invitations",
    "session": "Sign-ins",
    "mfa": "Multi-factor sign-in",
    "password": "Passwords",
    "app": "App credentials",
    "credential": "Credentials",
    "access": "Refusals",
    "record": "The record",
}
PEOPLE_MAX = 20
_ADDRESS = re.compile(r"\(([^()\s]+@[^()\s]+)\)\s*$")
_YEARS = range(2000, 2100)


class RecordFilterForm(forms.Form):
    """Who, on which account, did what, when; and words. Dates are days in the viewer's zone.

    A span stands for days that depend on when one asks: `query` keeps it, `dated` has its days.
    """

    who = forms.CharField(required=False, max_length=254, label="Who")
    account = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label="Account", choices=()
    )
    action = forms.ChoiceField(required=False, label="Did what", choices=())
    address = forms.CharField(required=False, max_length=45, label="From address")
    span = forms.ChoiceField(
        required=False,
        label="When",
        choices=[("", "Any time"), *((key, words) for key, (words, _) in SPANS.items())],
    )
    since = forms.DateField(required=False, label="From", widget=forms.DateInput)
    since_at = forms.TimeField(required=False, label="From, time", widget=forms.TimeInput)
    until = forms.DateField(required=False, label="To", widget=forms.DateInput)
    until_at = forms.TimeField(required=False, label="To, time", widget=forms.TimeInput)
    text = forms.CharField(required=False, max_length=200, label="Words")
    readings = forms.BooleanField(required=False, label="Show readings of the record")
    post = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )

    def __init__(
        self,
        data: Any,
        *,
        accounts: Iterable[SocialAccount],
        people: QuerySet[User],
        zone: ZoneInfo,
    ) -> None:
        super().__init__(data)
        self.people, self.zone = people, zone
        self.found: list[User] = []  # who `who` may have meant, when it was not one person
        self.fields["account"].choices = [  # type: ignore[attr-defined]  # a choice field
            ("", "Any account"),
            *((account.pk, str(account)) for account in accounts),
        ]
        self.fields["action"].choices = action_choices()  # type: ignore[attr-defined]  # the same
        for name in ("since", "until"):
            widget = self.fields[name].widget
            widget.input_type = "date"
            self.fields[name].error_messages["invalid"] = "Write the day as 2026-11-23."
            widget.format = "%Y-%m-%d"
        for name in ("since_at", "until_at"):
            widget = self.fields[name].widget
            widget.input_type, widget.format = "time", "%H:%M"
            self.fields[name].error_messages["invalid"] = "Write the time as 14:30."
        self.fields["address"].widget.attrs |= {"placeholder": "192.0.2.7", "autocomplete": "off"}
        self.fields["text"].widget.input_type = "search"
        for name, field in self.fields.items():
            css = "form-select" if name in ("account", "action", "span") else "form-control"
            field.widget.attrs["class"] = "form-check-input" if name == "readings" else css

    def clean_who(self) -> User | ActorKind | None:
        who = self.cleaned_data["who"].strip()
        if not who:
            return None
        for words, kind in MACHINES.items():
            if who.casefold() == words.casefold():
                return kind
        if who.isdecimal() and len(who) < 19:
            person = self.people.filter(pk=int(who)).first()
            if person is not None:
                return person
        return self._named(who)

    @property
    def who_label(self) -> str:
        """What the field shows for whom was found."""
        who = self.cleaned_data.get("who")
        if isinstance(who, User):
            return person_label(who)
        return next((words for words, kind in MACHINES.items() if kind == who), self["who"].value())

    @property
    def span_words(self) -> str:
        """'the last 7 days'; '' without a span."""
        words, _ = SPANS.get(self.cleaned_data.get("span", ""), ("", None))
        return words[:1].lower() + words[1:]

    @property
    def query(self) -> dict[str, str]:
        """The address of exactly this view: what was asked, nothing empty, a person by number."""
        span = self.cleaned_data.get("span")
        if not span:
            return self.dated
        rest = {k: v for k, v in self.dated.items() if k not in ("since", "until")}
        return {**rest, "span": span}

    @property
    def dated(self) -> dict[str, str]:
        """The same with a span's days in its place, as they are now."""
        asked = {key: self.cleaned_data.get(key) for key in self.fields}
        if isinstance(asked["who"], User):
            asked["who"] = asked["who"].pk
        elif asked["who"]:
            asked["who"] = self.who_label
        if asked["readings"]:
            asked["readings"] = "on"
        for name in ("since_at", "until_at"):
            if asked[name] is not None:
                asked[name] = f"{asked[name]:%H:%M}"
        return {key: str(value) for key, value in asked.items() if value and key != "span"}

    def _named(self, who: str) -> User:
        if by_address := _ADDRESS.search(who):
            who = by_address[1]
        self.found = people_called(self.people, who)
        exactly = [u for u in self.found if who.casefold() in (u.full_name.casefold(), u.email)]
        if len(self.found) == 1 or len(exactly) == 1:
            return (exactly or self.found)[0]
        if self.found:
            raise forms.ValidationError("More than one person is called that. Choose one.")
        raise forms.ValidationError("Nobody you can see here is called that.")

    def clean_since(self) -> date | None:
        return self._sensible(self.cleaned_data["since"])

    def clean_until(self) -> date | None:
        return self._sensible(self.cleaned_data["until"])

    def clean_address(self) -> str:
        address = self.cleaned_data["address"].strip()
        try:
            return str(ipaddress.ip_address(address)) if address else ""
        except ValueError:
            raise forms.ValidationError("Write a whole IP address, such as 192.0.2.7.") from None

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].strip()
        if text and not searched_words(text):
            raise forms.ValidationError("There is no word in this to look for.")
        return text

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if span := cleaned.get("span"):
            if any(cleaned.get(name) for name in ("since", "until")):
                self.add_error("span", "Choose one of these or days of your own, not both.")
            else:
                today = timezone.localdate(timezone=self.zone)
                cleaned["since"], cleaned["until"] = SPANS[span][1](today)
        for name in ("since", "until"):
            if cleaned.get(f"{name}_at") is not None and not cleaned.get(name):
                self.add_error(name, "Choose the day to this time.")
        since, until = self._begin(), self._end()
        if since and until and since >= until:
            self.add_error("until", "This comes before the beginning.")
        return cleaned

    @property
    def filters(self) -> Filters:
        """What a valid form asks for."""
        asked = self.cleaned_data
        who = asked["who"]
        return Filters(
            person=who.pk if isinstance(who, User) else None,
            kind=who.value if isinstance(who, ActorKind) else "",
            account=asked["account"],
            post=asked["post"],
            action=asked["action"],
            address=asked["address"],
            since=self._begin(),
            until=self._end(),
            text=asked["text"],
            readings=asked["readings"],
        )

    def _begin(self) -> datetime | None:
        day, at = (self.cleaned_data.get(name) for name in ("since", "since_at"))
        return datetime.combine(day, at or time(), tzinfo=self.zone) if day else None

    def _end(self) -> datetime | None:
        """The end of the last day, or its time; not included."""
        day, at = (self.cleaned_data.get(name) for name in ("until", "until_at"))
        if not day:
            return None
        if at is None:
            day += timedelta(days=1)
        return datetime.combine(day, at or time(), tzinfo=self.zone)

    def _sensible(self, day: date | None) -> date | None:
        if day is not None and day.year not in _YEARS:
            raise forms.ValidationError("Choose a day in this century.")
        return day


def people_called(people: QuerySet[User], who: str) -> list[User]:
    """People whose name or e-mail address holds these words; at most PEOPLE_MAX."""
    return list(people.filter(Q(full_name__icontains=who) | Q(email__icontains=who))[:PEOPLE_MAX])


def person_label(person: User) -> str:
    """A person as the field offers and takes them; two may have one name, none one address."""
    return f"{person.full_name} ({person.email})"


def action_choices() -> list[Any]:
    """Every event by what it says, grouped by what it is about."""
    groups: list[Any] = [("", "Anything")]
    rooms = {**ROOMS, **{name.partition(".")[0]: "" for name in EVENTS if _noun(name) not in ROOMS}}
    by_noun = {noun: list(names) for noun, names in groupby(sorted(EVENTS), _noun)}
    for noun, title in rooms.items():
        names = by_noun.get(noun, [])
        if not names:
            continue
        title = title or noun.capitalize()
        every = [(f"{noun}.*", f"{title}: everything")] if len(names) > 1 else []
        said = [(name, _said(name)) for name in names]
        groups.append((title, [*every, *sorted(said, key=lambda choice: choice[1])]))
    return groups


def _said(name: str) -> str:
    return _upper(event_words(name))


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _noun(name: str) -> str:
    return name.partition(".")[0]


class ErasureForm(forms.Form):
    """What to erase and why. The reason is one of a list, since words could say it all again."""

    part = forms.ChoiceField(
        label="What goes",
        choices=[
            ("what", "What it was about: names and data"),
            ("who", "Who acted: their name and address"),
            ("both", "Both"),
        ],
        widget=forms.RadioSelect,
        initial="what",
    )
    because = forms.ChoiceField(
        label="Because",
        choices=[("", "Choose a reason"), *((b.value, _upper(b.label)) for b in Because)],
    )
    reference = forms.RegexField(
        REFERENCE,
        label="Reference",
        required=False,
        max_length=40,
        help_text="A case number. No words: it stays on record.",
        error_messages={"invalid": "Letters, digits, ‘/’, ‘.’ and ‘-’, and no words."},
    )
    sure = forms.BooleanField(label="I know that this cannot be undone")

    @property
    def asked(self) -> dict[str, Any]:
        """What a valid form asks for."""
        part = self.cleaned_data["part"]
        return {
            "parts": ("who", "what") if part == "both" else (part,),
            "because": Because(self.cleaned_data["because"]),
            "reference": self.cleaned_data["reference"],
        }

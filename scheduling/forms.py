"""What the composer and the pages of what is held send, as it comes and as it is meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.moments import known_zones
from accounts.policy import accounts_pausable, accounts_where
from audit.actors import Actor
from platforms.contract import Audience, Form, Poll
from scheduling.elements import AUDIENCES, FORMS, Element, Elements, elements_from
from scheduling.models import Keep, Post
from scheduling.offers import TEXT
from scheduling.pacing import PACES
from scheduling.placing import Chosen, packed
from scheduling.rules import checked_due
from scheduling.selectors.pauses import teams_pausable
from scheduling.thread import FIRST_KEY, Typed, typed
from scheduling.times import due_from_local

LONGEST = 20_000
"""Characters; more than any platform takes, little enough to keep."""
MOST_FURTHER = 49
"""Posts of a thread after the first; more than any platform takes."""
MOST_OPTIONS = 20


class DueField:
    """Day, time and zone of a form, as one moment."""

    @staticmethod
    def clean(data: dict[str, Any]) -> datetime | None:
        """The moment in UTC, None when no day is given. Raises Invalid."""
        day, clock, zone = data.get("due_date"), data.get("due_time"), data.get("due_zone")
        if day is None and clock is None:
            return None
        if day is None or clock is None:
            raise Invalid("due_date", "Choose both a day and a time, or neither.")
        if zone not in known_zones():
            raise Invalid("due_date", "Choose the zone the time is meant in.")
        if not 2000 <= day.year <= 2999:
            raise Invalid("due_date", "Choose a day of this century.")
        local = datetime.combine(day, clock)
        try:
            return due_from_local(local, zone, later=bool(data.get("due_later")))
        except Invalid as error:
            raise Invalid("due_date", error.message) from None


class PostForm(forms.Form):
    """The composer. `own-<account>`, `alt-<media>`, `keep-<media>` and `in-<media>` (the key of the
    post of the thread that it belongs to) come beside its fields."""

    post = forms.IntegerField(required=False, widget=forms.HiddenInput)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)
    form_key = forms.UUIDField(required=False, widget=forms.HiddenInput)
    accounts = forms.ModelMultipleChoiceField(queryset=SocialAccount.objects.none(), required=False)
    text = forms.CharField(
        required=False, strip=False, max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 6})
    )
    poll_minutes = forms.IntegerField(required=False, min_value=1, max_value=1_000_000)
    quote = forms.CharField(required=False, max_length=2_000)
    link = forms.CharField(required=False, max_length=2_000)
    audience = forms.ChoiceField(required=False, choices=list(AUDIENCES.items()))
    first_comment = forms.CharField(required=False, strip=False, max_length=LONGEST)
    shown_as = forms.ChoiceField(required=False, choices=list(FORMS.items()))
    due_date = forms.DateField(required=False)
    due_time = forms.TimeField(required=False)
    due_zone = forms.CharField(required=False, max_length=64)
    due_later = forms.BooleanField(required=False)

    def __init__(self, actor: Actor, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.actor = actor
        field = self.fields["accounts"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = accounts_where(actor, Capability.DRAFT)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            data["due_at"] = DueField.clean(data)
        except Invalid as error:
            self.add_error(error.field, error.message)
        return data

    @property
    def chosen(self) -> list[SocialAccount]:
        """The accounts that were chosen, in the order of the list; also before it is valid."""
        found = self.cleaned_data.get("accounts") if hasattr(self, "cleaned_data") else None
        return list(found or ())

    def own_texts(self) -> dict[int, str]:
        """Account id to the text it gets instead of the main one; an empty one is none."""
        own = {account.pk: str(self.data.get(f"own-{account.pk}", "")) for account in self.chosen}
        silent = {pk: "" for pk, names in self.left_out().items() if TEXT in names}
        return {pk: text[:LONGEST] for pk, text in own.items() if text.strip()} | silent

    def further(self) -> list[Typed]:
        """The further posts of the thread as typed, the empty ones too."""
        texts = [text[:LONGEST] for text in self._list("further")[:MOST_FURTHER]]
        keys = self._list("further_key")[:MOST_FURTHER]
        if len(set(keys)) != len(texts) or not all(map(_is_key, keys)):
            return typed(texts)
        return [Typed(key, text) for key, text in zip(keys, texts, strict=True)]

    def elements(self) -> Elements:
        """What goes along with the text; what is no proper value of a field is left at its rest."""
        return self.as_kept(self.further())[0]

    def pictures(self) -> list[Chosen]:
        """The pictures and videos, in order."""
        return self.as_kept(self.further())[1]

    def as_kept(self, further: Sequence[Typed]) -> tuple[Elements, list[Chosen]]:
        """What goes along, and the pictures, if these were the further posts; see `packed`."""
        data = getattr(self, "cleaned_data", {})
        options = tuple(text[:LONGEST] for text in self._list("poll_option")[:MOST_OPTIONS])
        elements = Elements(
            thread=tuple(one.text for one in further),
            poll=Poll(options, data.get("poll_minutes") or 1_440),
            quote=data.get("quote") or "",
            link=data.get("link") or "",
            audience=Audience(data.get("audience") or Audience.EVERYBODY),
            first_comment=data.get("first_comment") or "",
            form=Form(data.get("shown_as") or Form.POST),
        )
        numbers = {one.key: number for number, one in enumerate(further, 2)}
        chosen = [
            one._replace(part=numbers.get(self.place_of(one.pk), 1)) for one in self._pictures()
        ]
        return packed(elements, chosen)

    def place_of(self, media_id: int) -> str:
        """The key of the post of the thread that a picture was put to."""
        return str(self.data.get(f"in-{media_id}", FIRST_KEY))

    def left_out(self) -> dict[int, frozenset[str]]:
        """Account id to what a person decided to leave out there: elements, and TEXT."""
        known = {*map(str, Element), TEXT}
        asked = [value.partition(":") for value in self._list("leave")]
        return {
            account.pk: names
            for account in self.chosen
            if (names := frozenset(n for n, _, pk in asked if pk == str(account.pk) and n in known))
        }

    def own_elements(self) -> dict[int, Elements]:
        """Account id to the elements it gets instead of the main ones."""
        written, left = self.elements(), self.left_out()
        own = {pk: [n for n in written.used if n in names] for pk, names in left.items()}
        return {pk: written.without(names) for pk, names in own.items() if names}

    def _list(self, name: str) -> list[str]:
        return self.data.getlist(name) if isinstance(self.data, QueryDict) else []

    def _pictures(self) -> list[Chosen]:
        data, ids = self.data, self._list("media")
        whole = [int(value) for value in ids if value.isdecimal() and len(value) < 19]
        return [
            Chosen(pk, str(data.get(f"alt-{pk}", ""))[:LONGEST], _keep(data.get(f"keep-{pk}")))
            for pk in dict.fromkeys(whole)
        ]


def _keep(value: Any) -> str:
    return value if value in Keep.values else Keep.MIDDLE.value


def _is_key(value: str) -> bool:
    """As `arranged` makes them."""
    return value.isascii() and value.isdecimal() and len(value) < 7 and value != FIRST_KEY


class PauseForm(forms.Form):
    """What is held back, and why. `what`: '' for everything, 'team:3' or 'account:7'."""

    what = forms.ChoiceField(label="What is held back", required=False)
    reason = forms.CharField(
        label="Why",
        max_length=300,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="Everybody at the desk reads it, on every page.",
        error_messages={"required": "Say why; everybody at the desk will read it."},
    )

    def __init__(self, actor: Actor, data: QueryDict | None = None, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self._teams = {f"team:{team.pk}": team for team in teams_pausable(actor)}
        self._accounts = {f"account:{one.pk}": one for one in accounts_pausable(actor)}
        field = self.fields["what"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            ("", "Everything at this desk"),
            *((key, f"What the team {team} posts for") for key, team in self._teams.items()),
            *((key, str(account)) for key, account in self._accounts.items()),
        ]

    @property
    def scope(self) -> dict[str, Any]:
        """Account and team as `pause_begin` takes them; for what nobody offered: everything."""
        what = str(self["what"].value() or "")
        return {"account": self._accounts.get(what), "team": self._teams.get(what)}


class PaceForm(forms.Form):
    """When the first of several goes out, and how far apart the others of its account."""

    every = forms.TypedChoiceField(
        label="One every",
        coerce=int,
        initial=5,
        choices=[(n, "minute" if n == 1 else "hour" if n == 60 else f"{n} minutes") for n in PACES],
    )
    due_date = forms.DateField(
        label="The first on", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    due_time = forms.TimeField(
        label="At", widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    due_zone = forms.CharField(widget=forms.HiddenInput, max_length=64)

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            data["first"] = checked_due(DueField.clean(data))
        except Invalid as error:
            self.add_error("due_date", error.message)
        return data


def left_out_of(post: Post) -> dict[int, frozenset[str]]:
    """What the editable deliveries of a post go without, as `PostForm.left_out` says it."""
    main = {str(name) for name in elements_from(post.elements).used}
    found = {}
    for delivery in post.deliveries.all():
        own = {str(name) for name in elements_from(delivery.elements).used}
        names = (main - own) | ({TEXT} if delivery.own_text == "" and post.text else set())
        if delivery.is_editable and names:
            found[delivery.account_id] = frozenset(names)
    return found


def initial_of(post: Post, zone: str) -> dict[str, Any]:
    """A post's present state as PostForm's initial values; times in `zone`."""
    drafts = [d for d in post.deliveries.all() if d.is_editable]
    due = next((d.due_at for d in drafts if d.due_at is not None), None)
    local = due.astimezone(ZoneInfo(zone)) if due else None
    return {
        "post": post.pk,
        "version": post.version,
        "accounts": [d.account_id for d in drafts],
        "text": post.text,
        "due_date": local.date() if local else None,
        "due_time": local.time().replace(second=0, microsecond=0) if local else None,
        "due_zone": zone,
        "due_later": bool(local and local.fold),
    }

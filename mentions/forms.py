"""What the inbox's forms and addresses carry, as it comes and as it is meant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django import forms
from django.http import Http404, QueryDict

from accounts.models import SocialAccount
from mentions.models import Act, Kind
from mentions.moderation import reasons_for
from mentions.selectors.inbox import Filters, View

SEARCH_LONGEST = 200


class ReplyForm(forms.Form):
    """An answer. `to`: the mention it answers; `answered`: the newest reply the person saw."""

    text = forms.CharField(max_length=20_000, strip=False, widget=forms.Textarea(attrs={"rows": 3}))
    to = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    answered = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


class ModerationForm(forms.Form):
    """Why something is hidden, deleted or blocked."""

    reason = forms.ChoiceField(
        label="Why?",
        widget=forms.Select(attrs={"autofocus": True}),  # the first thing to do in its dialog
        error_messages={"required": "Choose why. It goes on record."},
    )
    note = forms.CharField(
        label="Note",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="What whoever complains, or looks into it later, should know.",
    )

    def __init__(self, act: Act, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="moderate-%s")
        reasons = [(one.value, one.label) for one in reasons_for(act)]
        field = self.fields["reason"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Choose…"), *reasons]


def filters_of(query: QueryDict, accounts: Sequence[SocialAccount]) -> Filters:
    """The filters in an address; what makes no sense is left out.

    Raises Http404 for an account that is not among `accounts`.
    """
    view, kind = query.get("view", ""), query.get("kind", "")
    return Filters(
        view=View(view) if view in View.values else View.OPEN,
        account=_account(query.get("account", ""), accounts),
        kind=kind if kind in Kind.values else "",
        assignee=number_of(query.get("assignee", "")),
        text=query.get("q", "").replace("\x00", "").strip()[:SEARCH_LONGEST],
        before=_before(query.get("before", "")),
    )


def position(at: tuple[datetime, int]) -> str:
    """Where in the list a page ends, for an address."""
    return f"{at[0].isoformat()}~{at[1]}"


def _account(value: str, accounts: Sequence[SocialAccount]) -> int | None:
    if not value:
        return None
    found = next((account.pk for account in accounts if str(account.pk) == value), None)
    if found is None:
        raise Http404
    return found


def number_of(value: str) -> int | None:
    """A row's number, or None for what is none."""
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def _before(value: str) -> tuple[datetime, int] | None:
    moment, _, number = value.partition("~")
    try:
        at, pk = datetime.fromisoformat(moment), number_of(number)
    except ValueError:
        return None
    return None if pk is None or at.tzinfo is None else (at, pk)

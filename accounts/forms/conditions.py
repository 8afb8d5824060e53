"""Forms about trainings, policies and the levels that take them."""

from __future__ import annotations

from django import forms

from accounts.forms.fields import PersonField
from accounts.levels import Level


def _day(label: str, help_text: str = "", *, required: bool = True) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, help_text=help_text, required=required, widget=widget)


class TrainingForm(forms.Form):
    name = forms.CharField(max_length=120)
    purpose = forms.CharField(
        label="What it is and where it is taken", max_length=300, required=False
    )
    months = forms.IntegerField(
        label="Good for so many months",
        min_value=1,
        max_value=120,
        required=False,
        help_text="What is proposed when it is recorded. Empty: it does not run out.",
    )


class RecordForm(forms.Form):
    person = PersonField(label="Person")
    done_on = _day("Done on")
    last_day = _day(
        "Good until", "The last day on which it counts. Empty: for good.", required=False
    )
    evidence = forms.CharField(
        label="What shows it",
        max_length=300,
        help_text="A certificate’s number, the list of the course. No personal details.",
    )


class PolicyForm(forms.Form):
    name = forms.CharField(max_length=120)
    text = forms.CharField(
        label="Text",
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 16}),
        help_text="Plain text; an empty line begins a paragraph.",
    )


class VersionForm(forms.Form):
    text = forms.CharField(
        label="Text", max_length=200_000, widget=forms.Textarea(attrs={"rows": 16})
    )
    changed = forms.CharField(
        label="What is new", max_length=300, help_text="Shown to everybody who reads it again."
    )
    accept_by = _day(
        "Accept by",
        "Until the end of this day the version somebody accepted before is enough.",
    )


class LevelsForm(forms.Form):
    levels = forms.MultipleChoiceField(
        label="Levels that take it",
        choices=[(level.value, level.label) for level in Level],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="On every account, by grants of a person’s own and by those of their teams.",
    )
    starts_on = _day("New ones begin on", "Before this day nobody’s level lapses for it.")


class AcceptForm(forms.Form):
    sha256 = forms.CharField(max_length=64, widget=forms.HiddenInput)
    read = forms.BooleanField(
        label="I have read this text and accept it",
        error_messages={"required": "Tick the box when you have read it."},
    )

"""Forms of access reviews."""

from __future__ import annotations

from django import forms

from accounts.levels import Level
from accounts.models import SocialAccount


class ReviewForm(forms.Form):
    name = forms.CharField(max_length=120, help_text="For example “Spring 2027”.")
    note = forms.CharField(
        label="What to look for",
        max_length=300,
        required=False,
        help_text="Shown to everybody who is asked.",
    )
    due_on = forms.DateField(
        label="Last day",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="What nobody has confirmed by the end of this day lapses.",
    )
    levels = forms.MultipleChoiceField(
        label="Levels to look at",
        choices=[(level.value, level.label) for level in Level],
        widget=forms.CheckboxSelectMultiple,
    )
    accounts = forms.ModelMultipleChoiceField(
        label="Only these accounts",
        queryset=SocialAccount.objects.all(),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text="None chosen: all accounts.",
    )

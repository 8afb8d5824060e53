"""Forms about people, teams and invitations."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import password_validation

from accounts.forms.fields import PersonField, ZoneField, reason_field
from accounts.models import Team
from accounts.selectors.people import ROLES, STATES


class PeopleFilter(forms.Form):
    q = forms.CharField(
        label="Name or e-mail",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    team = forms.ChoiceField(required=False)
    role = forms.ChoiceField(required=False, choices=[("", "Any"), *ROLES.items()])
    state = forms.ChoiceField(required=False, choices=[("", "Any"), *STATES.items()])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = team_choices()  # type: ignore[attr-defined]  # a ChoiceField


class MatrixFilter(forms.Form):
    q = forms.CharField(
        label="Person",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    team = forms.ChoiceField(required=False)
    account = forms.CharField(
        label="Account",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].choices = team_choices()  # type: ignore[attr-defined]  # a ChoiceField


def team_choices() -> list[tuple[str, str]]:
    rows = Team.objects.values_list("pk", "name")
    return [("", "Any"), *((str(pk), name) for pk, name in rows)]


class RolesForm(forms.Form):
    roles = forms.MultipleChoiceField(
        label="Organisation roles",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=[
            (
                "is_administrator",
                "Administrator: people, teams, accounts and levels; no content by being one",
            ),
            ("is_auditor", "Auditor: reads everything and the record, changes nothing"),
            ("is_evidence_officer", "Evidence officer: looks after what is kept as evidence"),
        ],
    )


class LeaveForm(forms.Form):
    reason = reason_field()
    heir = PersonField(
        label="New owner of their accounts",
        required=False,
        help_text="Name or e-mail. Empty: the accounts keep them as owner until somebody changes "
        "it.",
    )


class InviteForm(RolesForm):
    full_name = forms.CharField(label="Full name", max_length=120)
    email = forms.EmailField(label="E-mail address", help_text="The link goes there.")
    teams = forms.ModelMultipleChoiceField(
        queryset=Team.objects.all(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="They get the teams' levels as soon as they accept.",
    )
    field_order = ("full_name", "email", "teams", "roles")


class JoinForm(forms.Form):
    """The first sign-in: a name and a password."""

    full_name = forms.CharField(
        label="Your name",
        max_length=120,
        help_text="It stands beside what you do here.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label="Password",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label="The same password again",
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rules = password_validation.password_validators_help_texts()
        self.fields["password"].help_text = " ".join(rules)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("password") and given.get("again") and given["password"] != given["again"]:
            self.add_error("again", "The two passwords are not the same.")
        return given


class TeamForm(forms.Form):
    name = forms.CharField(max_length=100)
    purpose = forms.CharField(max_length=300, required=False, help_text="What the team is for.")


class MemberForm(forms.Form):
    person = PersonField(label="Person")


class ProfileForm(forms.Form):
    full_name = forms.CharField(
        label="Your name", max_length=120, help_text="It stands beside what you do here."
    )
    time_zone = ZoneField(required=False)
    alert_emails = forms.BooleanField(
        label="E-mail me what needs a person",
        required=False,
        help_text="When something you wrote, or on an account you manage, fails, is held, may not "
        "have gone out, or loses its credentials.",
    )

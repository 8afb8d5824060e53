"""Forms about social accounts and the levels on them."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from django import forms
from django.utils.html import format_html

from accounts.forms.connecting import AboutForm, server_field
from accounts.forms.fields import PersonField, ZoneField, reason_field
from accounts.levels import Level
from accounts.models import SocialAccount
from accounts.moments import end_of_day
from accounts.selectors.account_register import OWNERS, USES
from accounts.selectors.social import CONDITIONS, level_words
from platforms.contract import PlatformInfo
from platforms.registry import platform_info, platform_keys


class AccountFilter(forms.Form):
    q = forms.CharField(
        label="Name, handle or owner",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    platform = forms.ChoiceField(label="Platform", required=False)
    health = forms.ChoiceField(
        label="Health", required=False, choices=[("", "Any"), *CONDITIONS.items()]
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        platforms = [(key, platform_info(key).label) for key in platform_keys()]
        self.fields["platform"].choices = [("", "Any"), *platforms]  # type: ignore[attr-defined]  # a ChoiceField


class RegisterFilter(AccountFilter):
    use = forms.ChoiceField(label="Use", required=False, choices=[("", "Any"), *USES.items()])
    owner = forms.ChoiceField(label="Owner", required=False, choices=[("", "Any"), *OWNERS.items()])
    health = None  # type: ignore[assignment]  # how Django takes a field out of a form


def secret_field(info: PlatformInfo) -> forms.CharField:
    """What the platform calls its secret; never shown back once it was sent."""
    return forms.CharField(
        label=info.secret_label,
        help_text=f"{info.secret_help} It is kept sealed and never shown again.",
        max_length=4_000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class SecretForm(forms.Form):
    """Asks for what a platform is connected by: one secret, or the several texts it is made of.

    `cleaned_data["secret"]` is the secret either way.
    """

    def __init__(self, info: PlatformInfo, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parts = {f"secret_{part.key}": part for part in info.secret_parts}
        if not self.parts:
            self.fields["secret"] = secret_field(info)
        for name, part in self.parts.items():
            self.fields[name] = secret_field(info)
            self.fields[name].label = part.label
        for name in list(self.parts)[1:]:
            self.fields[name].help_text = ""  # where they all are is said once, at the first

    def secret_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in self.parts or ["secret"]]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.parts and all(name in cleaned for name in self.parts):
            told = {part.key: cleaned[name] for name, part in self.parts.items()}
            cleaned["secret"] = json.dumps(told)
        return cleaned


class ReconnectForm(SecretForm):
    """New credentials for an account that is known."""


class ConnectForm(SecretForm, AboutForm):
    """What a platform asks for, and what the organisation says of the account."""

    handle = forms.CharField(max_length=255)
    base_url = server_field()

    def __init__(self, info: PlatformInfo, *args: Any, **kwargs: Any) -> None:
        super().__init__(info, *args, **kwargs)
        self.fields["handle"].help_text = info.handle_help
        if not info.asks_base_url:
            del self.fields["base_url"]
        self.order_fields(["base_url", "handle", "secret", *self.parts])


class AccountForm(forms.Form):
    """What the organisation says of an account."""

    display_name = forms.CharField(label="Name", max_length=120)
    owner = PersonField(label="Owner", help_text="Who answers for the account. Name or e-mail.")
    purpose = forms.CharField(max_length=300, required=False)
    service_hours = forms.CharField(
        label="Hours of service",
        max_length=120,
        required=False,
        help_text="When somebody answers, for example “Weekdays 8 to 18, appeals at any time”.",
    )
    time_zone = ZoneField()
    approval_required = forms.BooleanField(
        label="Nothing goes out unapproved",
        required=False,
        help_text="Publishers and approvers, too, need somebody else's approval.",
    )


class ReasonForm(forms.Form):
    reason = reason_field()


class GrantForm(forms.Form):
    level = forms.ChoiceField(widget=forms.RadioSelect)
    reason = reason_field(help_text="Why they need it. It goes on record.")
    last_day = forms.DateField(
        label="Last day",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, account: SocialAccount, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        words = level_words()
        choices = [
            (
                level.value,
                format_html(
                    '<span class="strong">{}</span> <span class="muted">{}</span>',
                    level.label,
                    words[level.value],
                ),
            )
            for level in Level
        ]
        self.fields["level"].choices = choices  # type: ignore[attr-defined]  # a ChoiceField
        self.fields["last_day"].help_text = (
            f"The level ends by itself at the end of this day in {account.time_zone}. "
            "Empty: until somebody ends it."
        )

    def ends_at(self) -> datetime | None:
        """The end of the last day in the account's zone."""
        day: date | None = self.cleaned_data["last_day"]
        return end_of_day(day, self.account.time_zone) if day else None

"""Forms about connecting accounts, and about the apps by which that is done in the browser."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings

from accounts.forms.fields import PersonField, ZoneField
from accounts.models import User
from platforms.contract import PlatformInfo


def server_field() -> forms.CharField:
    return forms.CharField(
        label="Server",
        max_length=255,
        help_text="The address of the server, for example https://example.org.",
    )


def first_words(person: User) -> dict[str, Any]:
    """What the form about a new account says before anybody has changed it."""
    return {"owner": person.email, "time_zone": settings.TIME_ZONE}


class AboutForm(forms.Form):
    """What the organisation says of a new account."""

    owner = PersonField(label="Owner", help_text="Who answers for the account. Name or e-mail.")
    purpose = forms.CharField(
        max_length=300,
        required=False,
        help_text="What the account is for; everybody who works with it reads this.",
    )
    time_zone = ZoneField(help_text="Times of this account are in this zone. Type a city.")
    approval_required = forms.BooleanField(
        label="Nothing goes out unapproved",
        required=False,
        help_text="Publishers and approvers, too, need somebody else's approval.",
    )


class FoundForm(AboutForm):
    """One of the accounts that a sign-in speaks for; the rest counts only where it is chosen."""

    chosen = forms.BooleanField(label="Connect this account", required=False)


class BeginForm(forms.Form):
    """Which server, where a platform has many, or whose account, where the server is found by it;
    `base_url`: it is known already.
    """

    base_url = server_field()
    who = forms.CharField(
        label="Handle or server",
        max_length=255,
        help_text="The account's full handle, or the address of its server with https://.",
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    def __init__(self, info: PlatformInfo, *args: Any, base_url: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = "begin_%s"  # the form beside it has a server, too
        by_who = info.oauth is not None and info.oauth.by_document
        if base_url or by_who or not info.asks_base_url:
            del self.fields["base_url"]
        if base_url or not by_who:
            del self.fields["who"]


class AppForm(forms.Form):
    """What a platform gave for the desk's app."""

    client_id = forms.CharField(max_length=500)
    client_secret = forms.CharField(
        max_length=500,
        help_text="It is kept sealed and never shown again.",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, info: PlatformInfo, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        assert info.oauth is not None
        self.fields["client_id"].label = info.oauth.id_label
        secret = self.fields["client_secret"]
        secret.label = info.oauth.secret_label
        if info.oauth.public:
            secret.required = False
            secret.help_text = f"{secret.help_text} Empty for an app that has none."

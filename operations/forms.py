"""Forms about where alerts go."""

from __future__ import annotations

from typing import Any

from django import forms

from accounts.alerts import AlertKind
from accounts.models import SocialAccount
from operations.models import Channel, Destination


class DestinationForm(forms.Form):
    """A place alerts go to. What is there already is never filled into `address`."""

    name = forms.CharField(
        label="Name", max_length=100, help_text="What people call it: ‘Duty press officer’."
    )
    channel = forms.ChoiceField(label="How", choices=Channel.choices, widget=forms.RadioSelect)
    address = forms.CharField(
        label="Address",
        max_length=2000,
        help_text="An e-mail address, or the webhook’s whole address. It is sealed, and nobody "
        "can read it here again.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    kinds = forms.MultipleChoiceField(
        label="Which alerts",
        choices=AlertKind.choices,
        initial=[kind.value for kind in AlertKind],
        widget=forms.CheckboxSelectMultiple,
    )
    accounts = forms.ModelMultipleChoiceField(
        queryset=SocialAccount.objects.filter(disconnected_at=None), required=False
    )

    def __init__(self, *args: Any, place: Destination | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if place is not None:
            del self.fields["channel"]  # another way is another place
            self.fields["address"].required = False
            self.fields["address"].label = "New address"
            self.fields[
                "address"
            ].help_text = f"Now it goes to {place.shown}. Leave this empty to keep that."

    def picker(self) -> list[dict[str, Any]]:
        """The groups of _components/account_picker.html."""
        value = self["accounts"].value() or ()
        chosen = {str(getattr(account, "pk", account)) for account in value}
        groups: dict[str, list[dict[str, Any]]] = {}
        for account in self.fields["accounts"].queryset:  # type: ignore[attr-defined]  # a model field
            choice = {"id": account.pk, "account": account, "checked": str(account.pk) in chosen}
            groups.setdefault(account.info.label, []).append(choice)
        return [{"label": label, "choices": choices} for label, choices in groups.items()]

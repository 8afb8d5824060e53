"""Fields that several forms share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.urls import reverse_lazy

from accounts.models import User
from accounts.moments import zone_names


class SuggestInput(forms.TextInput):
    """A text box with suggestions to search in; works as a plain text box without scripts.

    `options` are fixed suggestions, `url` is asked for some while one types.
    """

    template_name = "accounts/widgets/suggest.html"

    def __init__(self, options: Sequence[str] = (), url: Any = "") -> None:
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false"})
        self.options = options
        self.url = url

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context(name, value, attrs)
        widget = context["widget"]
        list_id = f"{widget['attrs'].get('id', name)}_list"
        widget["attrs"]["list"] = list_id
        if self.url:
            widget["attrs"] |= {
                "hx-get": str(self.url),
                "hx-trigger": "input changed delay:200ms, focus once",
                "hx-target": f"#{list_id}",
                "hx-swap": "innerHTML",
                "data-quiet": True,
            }
        return context | {"list_id": list_id, "options": self.options}


class ZoneField(forms.CharField):
    """An IANA time zone, typed or searched for."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("label", "Time zone")
        kwargs.setdefault("help_text", "Type a city, for example London or Lisbon.")
        super().__init__(max_length=64, widget=SuggestInput(zone_names()), **kwargs)

    def clean(self, value: Any) -> str:
        text = super().clean(value)
        names = {name.casefold(): name for name in zone_names()}
        if not text:
            return ""
        typed = text.casefold().replace(" ", "_")
        if typed in names:
            return names[typed]
        cities = [name for key, name in names.items() if key.rpartition("/")[2] == typed]
        if len(cities) == 1:
            return cities[0]
        raise forms.ValidationError("There is no such time zone. Choose one from the list.")


class PersonField(forms.CharField):
    """A person of the desk, named by e-mail address or full name; cleans to the User."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "Type a name or an e-mail address and choose.")
        url = reverse_lazy("people:options")
        super().__init__(max_length=254, widget=SuggestInput(url=url), **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value).strip()
        if not text:
            return None
        user = User.objects.filter(email__iexact=text).first()
        if user is not None:
            return user
        named = list(User.objects.filter(full_name__iexact=text, is_active=True)[:2])
        if len(named) == 1:
            return named[0]
        if named:
            raise forms.ValidationError("Several people have this name. Use the e-mail address.")
        raise forms.ValidationError("Nobody here has this name or address. Choose from the list.")


def reason_field(label: str = "Reason", help_text: str = "It goes on record.") -> forms.CharField:
    return forms.CharField(
        label=label, max_length=300, help_text=help_text, widget=forms.Textarea(attrs={"rows": 2})
    )

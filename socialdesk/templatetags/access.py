"""What a capability opens, for the page that says what each level may do."""

from __future__ import annotations

from django import template

from accounts.levels import Capability
from socialdesk.access import opened_by

register = template.Library()


@register.filter
def opens(capability: Capability) -> str:
    """`{{ capability|opens }}`: what one may do by it, in words; '' for nothing yet."""
    return "; ".join(opened_by(capability))

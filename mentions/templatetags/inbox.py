"""Addresses of the inbox that keep the filters of the list beside them."""

from __future__ import annotations

from django import template

from mentions.views.reading import Opened

register = template.Library()


@register.simple_tag
def inbox_url(opened: Opened, name: str, *args: object, **more: object) -> str:
    """`{% inbox_url opened 'status' 'done' as url %}`: an address of this conversation."""
    return opened.url(name, *args, **more)

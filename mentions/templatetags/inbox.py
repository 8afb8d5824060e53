"""Addresses of the inbox that keep the filters of the list beside them."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.simple_tag
def inbox_url(opened: Any, name: str, *args: object, **more: object) -> str:
    """`{% inbox_url opened 'status' 'done' as url %}`: an address of this conversation.

    `opened` is a mentions.views.reading.Opened.
    """
    return str(opened.url(name, *args, **more))

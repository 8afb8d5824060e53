"""Addresses from which a platform fetches a picture or video by itself: signed, and soon over.

Instagram and Threads take media in no other way. An address is good for one file of one delivery,
for an hour, and only while that delivery is on its way.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from django.conf import settings
from django.core import signing
from django.urls import reverse

from scheduling.models import Delivery, Media, Variant
from scheduling.states import State

GOOD_FOR_S = 3_600
"""Long enough for a slow server to come back for a video, and of little use to anybody else."""
ON_ITS_WAY = (State.SCHEDULED, State.PUBLISHING, State.UNKNOWN)
_SALT = "scheduling.fetching"
_PRIVATE_NAMES = ("localhost", ".localhost", ".local", ".internal", ".lan", ".home.arpa")


def public_base() -> str:
    """The desk's own address where a platform can fetch from it; '' where none can."""
    parts = urlsplit(settings.BASE_URL)
    host = parts.hostname or ""
    if parts.scheme != "https" or "." not in host or host.endswith(_PRIVATE_NAMES):
        return ""
    try:
        return str(settings.BASE_URL) if ipaddress.ip_address(host).is_global else ""
    except ValueError:  # a name, and no address
        return str(settings.BASE_URL)


def address_of(delivery: Delivery, what: Media | Variant) -> str:
    """Where a platform fetches this from; '' where the desk is not open to the internet."""
    base = public_base()
    if not base:
        return ""
    kind = "v" if isinstance(what, Variant) else "m"
    token = signing.dumps([delivery.pk, kind, what.pk], salt=_SALT)
    return base + reverse("scheduling:media_fetch", args=[token])


def fetched(token: str) -> Media | Variant | None:
    """What the address leads to; None when it is none of ours, is over, or its post was stopped."""
    try:
        delivery_id, kind, pk = signing.loads(token, salt=_SALT, max_age=GOOD_FOR_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    on_its_way = Delivery.objects.filter(pk=delivery_id, state__in=ON_ITS_WAY)
    if kind == "m":
        return Media.objects.filter(pk=pk, removed_at=None, post__deliveries__in=on_its_way).first()
    return (
        Variant.objects.select_related("media")
        .filter(pk=pk, media__removed_at=None, media__post__deliveries__in=on_its_way)
        .first()
    )

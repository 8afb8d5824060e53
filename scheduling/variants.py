"""Pictures as each platform takes them: worked out ahead, made once, and the same from then on.

A variant follows from its original, the platform's limits and what a person said to keep, and from
nothing else. So an approval of the original is one of the variant; and what was made is kept, so
that what people looked at is, byte by byte, what is sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from accounts.models import SocialAccount
from platforms.contract import Image, Limits, Refused
from platforms.images import fit, fits, planned
from scheduling.models import Delivery, Keep, Media, Post, Variant

log = structlog.get_logger(__name__)
_METHOD = 1
"""Goes up when `platforms.images` makes something else of the same."""
_CENTRES = {
    Keep.MIDDLE: (0.5, 0.5),
    Keep.TOP: (0.5, 0.0),
    Keep.BOTTOM: (0.5, 1.0),
    Keep.LEFT: (0.0, 0.5),
    Keep.RIGHT: (1.0, 0.5),
}


class NotTheSame(Refused):
    """What lies in the storage is not what was uploaded, or made of it."""

    def __init__(self, media: Media) -> None:
        super().__init__(
            f"The stored file of {media.name} is not the one that was added. "
            "Add it again, and tell your administrator.",
            code="media_changed",
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What is done to one picture for one account, in words: 'scaled to 2048×1365'."""

    media: Media
    words: str
    loses: bool  # part of the picture


def bytes_of(what: Media | Variant) -> bytes:
    """The stored file. Raises OSError, NotTheSame."""
    with what.file.open("rb") as file:
        data: bytes = file.read()
    if hashlib.sha256(data).hexdigest() != what.sha256:
        media = what.media if isinstance(what, Variant) else what
        log.error("media_changed", media=media.pk)
        raise NotTheSame(media)
    return data


def taken_as_it_is(media: Media, limits: Limits) -> bool:
    """Whether the platform takes the original; videos are never changed."""
    return media.is_video or fits(_facts(media), limits, size=media.size)


def variant_of(media: Media, limits: Limits) -> Variant | None:
    """The one that was made for these limits; None when there is none, or none is needed."""
    if taken_as_it_is(media, limits):
        return None
    recipe = _recipe(media, limits)
    return next((one for one in media.variants.all() if one.recipe == recipe), None)


def made_for(media: Media, limits: Limits) -> Media | Variant:
    """What is sent under these limits, made now if need be. Raises OSError, Refused."""
    if taken_as_it_is(media, limits):
        return media
    return variant_of(media, limits) or _make(media, limits)


def make_ahead(post: Post) -> None:
    """Make what the accounts of a post will get. What cannot be made is told when it is checked."""
    shown = list(Media.objects.filter(post=post, removed_at=None).prefetch_related("variants"))
    if not shown:
        return
    for delivery in Delivery.objects.filter(post=post).select_related("account"):
        for media in shown:
            try:
                made_for(media, delivery.account.limits)
            except (OSError, Refused) as error:
                log.warning("variant_not_made", media=media.pk, kind=type(error).__name__)


def changes(account: SocialAccount, media: Iterable[Media]) -> list[Change]:
    """What will be changed for this account; exact where it was made, else as far as is known."""
    limits = account.limits
    found = []
    for one in media:
        if not taken_as_it_is(one, limits):
            words = _words(one, variant_of(one, limits), limits)
            found.append(Change(one, words, _is_cut(one, limits)))
    return found


def planned_image(media: Media, limits: Limits, url: str) -> Image:
    """The picture as far as rules need it: its shape after cutting, without its bytes."""
    width, height = planned(media.width, media.height, limits)
    return Image(b"", media.mime, media.alt_text, width, height, url)


def _facts(media: Media) -> Image:
    return Image(b"", media.mime, media.alt_text, media.width, media.height)


def _recipe(media: Media, limits: Limits) -> str:
    what = [
        _METHOD,
        sorted(limits.image_types),
        limits.image_bytes_max,
        limits.image_pixels_max,
        limits.image_ratio,
        media.keep,
    ]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def _make(media: Media, limits: Limits) -> Variant:
    original = Image(bytes_of(media), media.mime, "", media.width, media.height)
    image = fit(original, limits, keep=_CENTRES[Keep(media.keep)])
    variant = Variant(
        media=media,
        recipe=_recipe(media, limits),
        mime=image.mime,
        width=image.width,
        height=image.height,
        size=len(image.data),
        sha256=hashlib.sha256(image.data).hexdigest(),
    )
    variant.file.save("variant", ContentFile(image.data), save=False)
    try:
        with transaction.atomic():
            variant.save()
    except IntegrityError:  # somebody else made it at the same time
        variant.file.delete(save=False)
        return Variant.objects.get(media=media, recipe=variant.recipe)
    return variant


def _words(media: Media, made: Variant | None, limits: Limits) -> str:
    width, height = planned(media.width, media.height, limits)
    said: list[str] = []
    if _is_cut(media, limits):
        said.append(f"cut to keep {Keep(media.keep).label}")
    if made is not None:
        width, height = made.width, made.height
    if (width, height) != (media.width, media.height):
        said.append(f"{'now' if said else 'scaled to'} {width}×{height}")
    if media.mime == "image/gif" and "image/gif" not in limits.image_types:
        said.append("shown as a still picture")
    elif media.mime not in limits.image_types:
        said.append("sent as JPEG")
    if not said or (made is None and media.size > limits.image_bytes_max):
        said.append(f"made smaller to fit {_mb(limits.image_bytes_max)}")
    return ", ".join(said)


def _is_cut(media: Media, limits: Limits) -> bool:
    least, most = limits.image_ratio or (0.0, float("inf"))
    return bool(media.height) and not least <= media.width / media.height <= most


def _mb(size: int) -> str:
    return f"{size / 1_000_000:g} MB"

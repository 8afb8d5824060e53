"""A post's pictures and videos as one account's platform gets them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from platforms.contract import Image, Limits, Outgoing, Part, Video
from scheduling.content import media_of
from scheduling.fetching import address_of, public_base
from scheduling.models import Delivery, Media
from scheduling.variants import bytes_of, made_for, planned_image


@dataclass(frozen=True, slots=True)
class Attached:
    """What one post shows, of a thread each. `video` is the first there is. A post has one at the
    most: `spare` is how many more it has, and none goes out while there is one (scheduling.checks).
    """

    images: tuple[Image, ...] = ()
    video: Video | None = None
    spare: int = 0

    def with_one(self, what: Image | Video) -> Attached:
        if isinstance(what, Image):
            return replace(self, images=(*self.images, what))
        if self.video:
            return replace(self, spare=self.spare + 1)
        return replace(self, video=what)


ByPost = Mapping[int, Attached]
"""By the number of the post of the thread; the first is 1. What shows nothing is not in it."""


def attached(media: Iterable[Media], limits: Limits) -> ByPost:
    """For the rules: without bytes, and with the shape they will have."""
    url = public_base() if limits.media_by_url else ""
    return _by_post(
        (one, _video(one, b"", url) if one.is_video else planned_image(one, limits, url))
        for one in media
        if one.removed_at is None
    )


def attached_to(delivery: Delivery) -> ByPost:
    """To be sent, with their bytes; variants that are missing are made. Raises OSError, Refused."""
    return _by_post((one, _with_bytes(one, delivery)) for one in media_of(delivery))


def showing(post: Outgoing, media: ByPost) -> Outgoing:
    """`post`, and each further post of its thread, with what it shows."""
    first = media.get(1, Attached())
    parts = [
        replace(part, images=shown.images, video=shown.video)
        for number, part in enumerate(post.parts, 2)
        for shown in [media.get(number, Attached())]
    ]
    return replace(post, images=first.images, video=first.video, parts=parts)


def files_of(post: Outgoing) -> int:
    """How many pictures and videos have to be uploaded for it."""
    shown: list[Outgoing | Part] = [post, *post.parts]
    return sum(len(one.images) + (one.video is not None) for one in shown)


def _by_post(shown: Iterable[tuple[Media, Image | Video]]) -> ByPost:
    found: dict[int, Attached] = {}
    for media, what in shown:
        found[media.part] = found.get(media.part, Attached()).with_one(what)
    return found


def _with_bytes(media: Media, delivery: Delivery) -> Image | Video:
    limits = delivery.account.limits
    what = made_for(media, limits)
    url = address_of(delivery, what) if limits.media_by_url else ""
    data = bytes_of(what)
    if media.is_video:
        return _video(media, data, url)
    return Image(data, what.mime, media.alt_text, what.width, what.height, url)


def _video(media: Media, data: bytes, url: str) -> Video:
    return Video(
        data,
        media.mime,
        media.alt_text,
        media.width,
        media.height,
        media.seconds,
        url,
        media.size,
    )

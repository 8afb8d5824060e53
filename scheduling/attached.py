"""A post's pictures and video as one account's platform gets them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from platforms.contract import Image, Limits, Video
from scheduling.fetching import address_of, public_base
from scheduling.models import Delivery, Media
from scheduling.variants import bytes_of, made_for, planned_image


@dataclass(frozen=True, slots=True)
class Attached:
    """`video` is the first there is. A post has one at the most: `spare` is how many more it has,
    and none goes out while there is one (scheduling.checks)."""

    images: tuple[Image, ...] = ()
    video: Video | None = None
    spare: int = 0

    @property
    def count(self) -> int:
        return len(self.images) + (self.video is not None)


def attached(media: Iterable[Media], limits: Limits) -> Attached:
    """For the rules: without bytes, and with the shape they will have."""
    shown = [one for one in media if one.removed_at is None]
    url = public_base() if limits.media_by_url else ""
    images = tuple(planned_image(one, limits, url) for one in shown if not one.is_video)
    videos = [_video(one, b"", url) for one in shown if one.is_video]
    return Attached(images, videos[0] if videos else None, max(0, len(videos) - 1))


def attached_to(delivery: Delivery) -> Attached:
    """To be sent, with their bytes; variants that are missing are made. Raises OSError, Refused."""
    limits = delivery.account.limits
    images: list[Image] = []
    video: Video | None = None
    for one in delivery.post.media.all():
        if one.removed_at is not None:
            continue
        what = made_for(one, limits)
        url = address_of(delivery, what) if limits.media_by_url else ""
        data = bytes_of(what)
        if one.is_video:
            video = video or _video(one, data, url)
        else:
            images.append(Image(data, what.mime, one.alt_text, what.width, what.height, url))
    return Attached(tuple(images), video)


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

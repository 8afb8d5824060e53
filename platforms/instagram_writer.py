"""Publishing on Instagram: containers, which it fills by itself, and the request that shows them.

Each container is kept as a step, so a restart goes on with what Instagram has already fetched.
https://developers.facebook.com/docs/instagram-platform/content-publishing (November 2026)
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256

from platforms._graph import GraphClient, Row
from platforms.contract import (
    GONE,
    Form,
    Image,
    OutcomeUnknown,
    Outgoing,
    Refused,
    RetryLater,
    Steps,
    Video,
)
from platforms.failures import text_of

_USABLE_S = 23 * 3_600.0  # a container lives for 24 hours
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 5.0)


def _id(answer: Row) -> str:
    return text_of(answer.get("id"))


class InstagramWriter:
    def __init__(self, client: GraphClient, account: str) -> None:
        self._client = client
        self._account = account

    def container(self, post: Outgoing, steps: Steps) -> str:
        """The id of the container that holds the whole post, filled and ready to be shown."""
        media: Sequence[Image | Video] = [*post.images, *([post.video] if post.video else [])]
        if len(media) == 1:
            return self._ready(self._single(media[0], post, steps), steps)
        children = [self._child(image, steps) for image in post.images]
        for child in children:
            self._wait(child)
        form = {
            "media_type": "CAROUSEL",
            "children": ",".join(children),
            "caption": post.text,
        }
        name = f"carousel.{_digest(*children, post.text)}"
        return self._ready(self._made(name, form, steps), steps)

    def _single(self, media: Image | Video, post: Outgoing, steps: Steps) -> str:
        form = {"caption": post.text} if post.text and post.form is not Form.STORY else {}
        form |= _source(media)
        if isinstance(media, Video):
            form["media_type"] = "STORIES" if post.form is Form.STORY else "REELS"
        elif post.form is Form.STORY:
            form["media_type"] = "STORIES"
            form.pop("alt_text", None)
        name = f"container.{_digest(_key(media), post.text, post.form)}"
        return self._made(name, form, steps)

    def _child(self, image: Image, steps: Steps) -> str:
        form = {**_source(image), "is_carousel_item": "true"}
        return self._made(f"child.{_digest(_key(image))}", form, steps)

    def _made(self, name: str, form: dict[str, str], steps: Steps) -> str:
        kept = steps.get(name)
        if isinstance(kept, dict) and time.time() < float(kept.get("until", 0)):
            return str(kept["id"])
        # A container by itself shows nothing: making it twice is safe.
        made = self._client.post(self._account, "media", form, _id)
        steps.put(name, {"id": made, "until": time.time() + _USABLE_S})
        return made

    def _ready(self, container: str, steps: Steps) -> str:
        self._wait(container)
        return container

    def _wait(self, container: str) -> None:
        for wait in (*_WAITS_S, 0.0):
            status = self._client.get(container, "", _status, fields="status_code,status")
            if status == "FINISHED":
                return
            if status == "PUBLISHED":
                raise OutcomeUnknown(
                    "Instagram shows this already; an earlier try has got through.",
                    code="published",
                )
            if status in ("ERROR", "EXPIRED"):
                raise Refused(
                    "Instagram could not use a picture or video.", code=f"container_{status}"
                )
            time.sleep(wait)
        raise RetryLater(
            "Instagram is still fetching the pictures.", code="media_processing", delay_s=15.0
        )

    def show(self, container: str) -> str:
        """The request that publishes; the post's id."""
        return self._client.post(
            self._account, "media_publish", {"creation_id": container}, _id, writes=True
        )

    def forget(self, post: Outgoing, steps: Steps) -> None:
        """What Instagram no longer has is made anew at the next try."""
        media: Sequence[Image | Video] = [*post.images, *([post.video] if post.video else [])]
        if len(media) == 1:
            steps.put(f"container.{_digest(_key(media[0]), post.text, post.form)}", None)
        for image in post.images if len(media) > 1 else []:
            steps.put(f"child.{_digest(_key(image))}", None)


def is_gone(refused: Refused) -> bool:
    return refused.code in (GONE, "container_EXPIRED")


def _status(answer: Row) -> str:
    return text_of(answer.get("status_code"))


def _key(media: Image | Video) -> str:
    return f"{sha256(media.data).hexdigest()} {media.alt_text}"


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _source(media: Image | Video) -> dict[str, str]:
    if not media.url:
        raise Refused(
            "Instagram fetches pictures and videos from a public address, and this installation "
            "gives none.",
            code="no_public_address",
        )
    if isinstance(media, Video):
        return {"video_url": media.url}
    found = {"image_url": media.url}
    return found | ({"alt_text": media.alt_text} if media.alt_text else {})

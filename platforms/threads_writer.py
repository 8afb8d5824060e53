"""Publishing on Threads: a container, and the request that shows it; each step kept."""

from __future__ import annotations

import time
from collections.abc import Sequence
from hashlib import sha256

from platforms.contract import (
    GONE,
    Audience,
    Image,
    OutcomeUnknown,
    Outgoing,
    Refused,
    RetryLater,
    Steps,
    Video,
)
from platforms.failures import text_of
from platforms.rest import Row
from platforms.threads_client import ThreadsClient

_USABLE_S = 23 * 3_600.0  # a container lives for 24 hours
_WAITS_S = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 5.0)
_CONTROL = {Audience.FOLLOWED: "accounts_you_follow", Audience.MENTIONED: "mentioned_only"}


def _id(answer: Row) -> str:
    return text_of(answer.get("id"))


def is_gone(refused: Refused) -> bool:
    return refused.code in (GONE, "container_EXPIRED")


class ThreadsWriter:
    def __init__(self, client: ThreadsClient, account: str) -> None:
        self._client = client
        self._account = account

    def container(self, post: Outgoing, steps: Steps) -> str:
        """The id of the container that holds the whole post, ready to be shown."""
        form = self._form(post)
        media = _media(post)
        if len(media) == 1:
            form |= _source(media[0])
        elif media:
            children = [self._child(one, steps) for one in media]
            for child in children:
                self._wait(child)
            form |= {"media_type": "CAROUSEL", "children": ",".join(children)}
        made = self._made(self.name_of(post), form, steps, keep=bool(media))
        if media:  # words alone need no work
            self._wait(made)
        return made

    def _form(self, post: Outgoing) -> dict[str, str]:
        form = {"media_type": "TEXT"}
        form |= {"text": post.text} if post.text else {}
        form |= {"reply_to_id": post.reply_to.remote_id} if post.reply_to else {}
        form |= {"quote_post_id": post.quote} if post.quote else {}
        form |= {"link_attachment": post.link} if post.link else {}
        if post.audience in _CONTROL:
            form["reply_control"] = _CONTROL[post.audience]
        return form

    def _child(self, media: Image | Video, steps: Steps) -> str:
        form = {**_source(media), "is_carousel_item": "true"}
        return self._made(_child_name(media), form, steps, keep=True)

    def _made(self, name: str, form: dict[str, str], steps: Steps, *, keep: bool) -> str:
        kept = steps.get(name) if keep else None
        if isinstance(kept, dict) and time.time() < float(kept.get("until", 0)):
            return str(kept["id"])
        # A container by itself shows nothing: making it twice is safe.
        made = self._client.post(self._account, "threads", form, _id)
        if keep:
            steps.put(name, {"id": made, "until": time.time() + _USABLE_S})
        return made

    def _wait(self, container: str) -> None:
        for wait in (*_WAITS_S, 0.0):
            status = self._client.get(
                container, "", lambda a: text_of(a.get("status")), fields="status,error_message"
            )
            if status == "FINISHED":
                return
            if status == "PUBLISHED":
                raise OutcomeUnknown(
                    "Threads shows this already; an earlier try has got through.",
                    code="published",
                )
            if status in ("ERROR", "EXPIRED"):
                raise Refused(
                    "Threads could not use a picture or video.", code=f"container_{status}"
                )
            time.sleep(wait)
        raise RetryLater(
            "Threads is still fetching the pictures.", code="media_processing", delay_s=15.0
        )

    def show(self, container: str) -> str:
        """The request that publishes; the post's id."""
        form = {"creation_id": container}
        return self._client.post(self._account, "threads_publish", form, _id, writes=True)

    def name_of(self, post: Outgoing) -> str:
        place = post.reply_to.remote_id if post.reply_to else ""
        return f"container.{_digest(post.text, place, *map(_key, _media(post)))}"

    def forget(self, post: Outgoing, steps: Steps) -> None:
        """What Threads no longer has is made anew."""
        steps.put(self.name_of(post), None)
        media = _media(post)
        for one in media if len(media) > 1 else []:
            steps.put(_child_name(one), None)


def _media(post: Outgoing) -> Sequence[Image | Video]:
    return [*post.images, *([post.video] if post.video else [])]


def _key(media: Image | Video) -> str:
    return f"{sha256(media.data).hexdigest()} {media.alt_text}"


def _child_name(media: Image | Video) -> str:
    return f"child.{_digest(_key(media))}"


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:16]


def _source(media: Image | Video) -> dict[str, str]:
    found = {"alt_text": media.alt_text} if media.alt_text else {}
    if isinstance(media, Video):
        return {**found, "media_type": "VIDEO", "video_url": media.url}
    return {**found, "media_type": "IMAGE", "image_url": media.url}

"""Writing on LinkedIn: pictures or a video first, then the post or comment; each step kept."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from platforms.checking import missing_is_gone
from platforms.contract import Image, Outgoing, Refused, Steps, Video
from platforms.failures import text_of
from platforms.linkedin_client import GONE_CODES, LinkedInClient, quoted
from platforms.linkedin_video import look_again, upload_video
from platforms.linkedin_views import escaped
from platforms.rest import Row, part

_DISTRIBUTION = {
    "feedDistribution": "MAIN_FEED",
    "targetEntities": [],
    "thirdPartyDistributionChannels": [],
}
_TITLE_MAX = 200


def step_name(image: Image) -> str:
    digest = sha256(image.data + b"\0" + image.alt_text.encode()).hexdigest()[:16]
    return f"media.{digest}"


class LinkedInWriter:
    def __init__(self, client: LinkedInClient, author: str) -> None:
        self._client = client
        self._author = author

    def upload(self, media: Image | Video, steps: Steps) -> str:
        """The URN of an uploaded picture or video, which nobody sees until a post takes it up."""
        if isinstance(media, Video):
            return upload_video(self._client, self._author, media, steps)
        name = step_name(media)
        kept = steps.get(name)
        if isinstance(kept, str):
            return kept

        def pick(answer: Row) -> tuple[str, str]:
            value = part(answer, "value")
            return text_of(value.get("uploadUrl")), text_of(value.get("image"))

        body = {"initializeUploadRequest": {"owner": self._author}}
        address, urn = self._client.act("images?action=initializeUpload", body, pick)
        self._client.put_file(address, media.data, media.mime)
        steps.put(name, urn)
        return urn

    def write(self, post: Outgoing, media: Sequence[Image | Video], steps: Steps) -> str:
        urns = [self.upload(one, steps) for one in media]
        steps.put("about_to_send", True)  # the last moment to learn that somebody else has it
        try:
            return self._send(post, media, urns)
        except Refused as refused:
            told = refused.message.lower()
            if not urns or not ("image" in told or "video" in told):
                raise
        # What LinkedIn no longer has is uploaded anew, once; the refused request made nothing.
        for one in media:
            if isinstance(one, Video):
                look_again(one, steps)
            else:
                steps.put(step_name(one), None)
        return self._send(post, media, [self.upload(one, steps) for one in media])

    def _send(self, post: Outgoing, media: Sequence[Image | Video], urns: Sequence[str]) -> str:
        if post.reply_to:
            return self._comment(post, urns)
        body: dict[str, Any] = {
            "author": self._author,
            "commentary": escaped(post.text),
            "visibility": "PUBLIC",
            "distribution": _DISTRIBUTION,
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        shown = [{"id": urn, **_words(one)} for urn, one in zip(urns, media, strict=True)]
        if len(shown) == 1:
            body["content"] = {"media": shown[0]}
        elif shown:
            body["content"] = {"multiImage": {"images": shown}}
        elif post.link:
            body["content"] = {"article": {"source": post.link, "title": post.link}}
        return self._client.create("posts", body)

    def edit(self, remote_id: str, text: str) -> None:
        """Let a post say `text`; what the patch does not name stays."""
        patch = {"$set": {"commentary": escaped(text)}}
        with missing_is_gone(*GONE_CODES):
            self._client.patch(f"posts/{quoted(remote_id)}", patch)

    def _comment(self, post: Outgoing, media: Sequence[str]) -> str:
        to = post.reply_to
        assert to is not None
        body: dict[str, Any] = {
            "actor": self._author,
            "object": to.extra.get("object") or to.remote_id,
            "message": {"text": post.text},
        }
        if to.remote_id.startswith("urn:li:comment:"):
            body["parentComment"] = to.remote_id
        if media:
            body["content"] = [{"entity": {"image": media[0]}}]
        return self._client.create(f"socialActions/{quoted(to.remote_id)}/comments", body)


def _words(media: Image | Video) -> dict[str, str]:
    """What is said of it. A video has no alternative text on LinkedIn, but a title."""
    if not media.alt_text:
        return {}
    if isinstance(media, Video):
        return {"title": media.alt_text[:_TITLE_MAX]}
    return {"altText": media.alt_text}

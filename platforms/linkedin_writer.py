"""Writing on LinkedIn: pictures first, then the post or the comment; each step kept."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from platforms.checking import missing_is_gone
from platforms.contract import Image, Outgoing, Refused, Steps
from platforms.failures import text_of
from platforms.linkedin_client import GONE_CODES, LinkedInClient, quoted
from platforms.linkedin_views import escaped
from platforms.rest import Row, part

_DISTRIBUTION = {
    "feedDistribution": "MAIN_FEED",
    "targetEntities": [],
    "thirdPartyDistributionChannels": [],
}


def step_name(image: Image) -> str:
    digest = sha256(image.data + b"\0" + image.alt_text.encode()).hexdigest()[:16]
    return f"media.{digest}"


class LinkedInWriter:
    def __init__(self, client: LinkedInClient, author: str) -> None:
        self._client = client
        self._author = author

    def upload(self, image: Image, steps: Steps) -> str:
        """The URN of an uploaded picture, which nobody sees until a post takes it up."""
        name = step_name(image)
        kept = steps.get(name)
        if isinstance(kept, str):
            return kept

        def pick(answer: Row) -> tuple[str, str]:
            value = part(answer, "value")
            return text_of(value.get("uploadUrl")), text_of(value.get("image"))

        body = {"initializeUploadRequest": {"owner": self._author}}
        address, urn = self._client.act("images?action=initializeUpload", body, pick)
        self._client.put_file(address, image.data, image.mime)
        steps.put(name, urn)
        return urn

    def write(self, post: Outgoing, images: Sequence[Image], steps: Steps) -> str:
        media = [self.upload(image, steps) for image in images]
        steps.put("about_to_send", True)  # the last moment to learn that somebody else has it
        try:
            return self._send(post, images, media)
        except Refused as refused:
            if not media or "image" not in refused.message.lower():
                raise
        # What LinkedIn no longer has is uploaded anew, once; the refused request made nothing.
        for image in images:
            steps.put(step_name(image), None)
        return self._send(post, images, [self.upload(image, steps) for image in images])

    def _send(self, post: Outgoing, images: Sequence[Image], media: Sequence[str]) -> str:
        if post.reply_to:
            return self._comment(post, media)
        body: dict[str, Any] = {
            "author": self._author,
            "commentary": escaped(post.text),
            "visibility": "PUBLIC",
            "distribution": _DISTRIBUTION,
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
        }
        shown = [
            {"id": urn, **({"altText": image.alt_text} if image.alt_text else {})}
            for urn, image in zip(media, images, strict=True)
        ]
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

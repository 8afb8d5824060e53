"""Putting a post on Bluesky: what has to be there before it, and then the post itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from atproto import models

from platforms.bluesky_client import BlueskyClient
from platforms.bluesky_records import (
    POST,
    facets_of,
    is_did,
    permalink,
    post_record,
    rows_of,
    split_uri,
    tid,
)
from platforms.chain import MARK, Link
from platforms.contract import Image, Outgoing, Published, Refused, ReplyRef, Steps, Video
from platforms.failures import Malformed


@dataclass(frozen=True, slots=True)
class Needed:
    """What a record refers to: facets, what it answers or shows, the media as uploaded."""

    facets: Sequence[Mapping[str, Any]]
    reply: Mapping[str, Any] | None
    quote: Mapping[str, str] | None
    blobs: Sequence[tuple[Image | Video, Mapping[str, Any]]]


class BlueskyWriter:
    """Writes posts. The result of each step is kept, so that a later attempt goes on from it."""

    def __init__(self, client: BlueskyClient) -> None:
        self._client = client

    def prepare(self, post: Outgoing, images: Sequence[Image], steps: Steps) -> Needed:
        """All that the record needs, as far as it is not there yet.

        A video goes to the account's own server, as a picture does, and is prepared for watching
        when its post is out. The video service, which would do so before, is one company's, and
        the servers of others need not be known to it.
        """
        return Needed(
            facets=self._facets(post.text, steps),
            reply=self._reply(post.reply_to, steps),
            quote=self._quote(post.quote, steps),
            blobs=[(one, self._blob(one, steps)) for one in _media(post, images)],
        )

    def write(
        self, post: Outgoing, images: Sequence[Image], steps: Steps, mark: object = True
    ) -> Link:
        needed = self.prepare(post, images, steps)
        steps.put(MARK, mark)  # the last moment to learn that somebody else has it
        try:
            return self._put(post, needed)
        except Refused as refused:
            if not needed.blobs or "blob" not in f"{refused.code} {refused.message}".lower():
                raise
        # An upload that no record took up is thrown away after a while: upload it again.
        blobs = [(one, self._blob(one, steps, again=True)) for one, _ in needed.blobs]
        return self._put(post, replace(needed, blobs=blobs))

    def _put(self, post: Outgoing, needed: Needed) -> Link:
        did, rkey = self._client.did, tid(post.created_at, post.key)
        record = post_record(
            post,
            facets=needed.facets,
            blobs=needed.blobs,
            reply=needed.reply,
            quote=needed.quote,
        )
        data = models.ComAtprotoRepoPutRecord.Data(
            repo=did, collection=POST, rkey=rkey, record=record
        )

        def put(client: Any) -> str:
            written = client.com.atproto.repo.put_record(data)
            if split_uri(written.uri) != (did, POST, rkey):
                raise Malformed("another record than the one that was written")
            return str(written.cid)

        published = self.published(rkey, post.created_at)
        extra = {"cid": self._client.ask(put, writes=True)}
        if needed.reply:
            root = needed.reply["root"]
        else:
            root = {"uri": published.remote_id, "cid": extra["cid"]}
        return Link(published, extra | {"root_uri": root["uri"], "root_cid": root["cid"]})

    def published(self, rkey: str, at: datetime) -> Published:
        did = self._client.did
        return Published(
            remote_id=f"at://{did}/{POST}/{rkey}",
            permalink=permalink(self._client.handle, did, rkey),
            published_at=at,
        )

    def _quote(self, uri: str, steps: Steps) -> dict[str, str] | None:
        """The post that is shown, as records name one; its author may be given by handle."""
        if not uri:
            return None
        name = f"quote.{sha256(uri.encode()).hexdigest()[:16]}"
        kept = steps.get(name)
        if isinstance(kept, dict):
            return kept
        who, _, rkey = uri.removeprefix("at://").partition(f"/{POST}/")
        did = who if is_did(who) else self._resolve(who.lower())
        if did is None:
            raise Refused(f"Nobody on Bluesky is called {who}, so nothing of theirs can be quoted.")
        view = self.view(f"at://{did}/{POST}/{rkey}")
        quote = {"uri": str(view["uri"]), "cid": str(view.get("cid"))}
        steps.put(name, quote)
        return quote

    def _facets(self, text: str, steps: Steps) -> list[dict[str, Any]]:
        # Kept, because a handle may resolve in one attempt and not in the next, and then the two
        # would write two different records.
        name = f"facets.{sha256(text.encode()).hexdigest()[:16]}"
        kept = steps.get(name)
        if isinstance(kept, list):
            return kept
        facets = facets_of(text, self._resolve)
        steps.put(name, facets)
        return facets

    def _resolve(self, handle: str) -> str | None:
        try:
            return self._client.query(
                "com.atproto.identity.resolveHandle",
                models.ComAtprotoIdentityResolveHandle.Params(handle=handle),
                lambda answer: str(answer["did"]) if is_did(answer.get("did")) else None,
            )
        except Refused:
            return None  # nobody has this handle

    def _blob(self, media: Image | Video, steps: Steps, *, again: bool = False) -> dict[str, Any]:
        name = f"blob.{sha256(media.data).hexdigest()[:16]}"
        kept = steps.get(name)
        if isinstance(kept, dict) and not again:
            return kept

        def upload(client: Any) -> dict[str, Any]:
            answer = client.invoke_procedure(
                "com.atproto.repo.uploadBlob",
                content=media.data,  # as `data`, httpx warns of bytes
                headers={"Content-Type": media.mime},
                output_encoding="application/json",
            ).content
            blob = answer.get("blob") if isinstance(answer, dict) else None
            if not isinstance(blob, dict) or not isinstance(blob.get("ref"), dict):
                raise Malformed("no blob")
            return blob

        blob = self._client.ask(upload)  # of itself it publishes nothing: doing it twice is safe
        steps.put(name, blob)
        return blob

    def _reply(self, to: ReplyRef | None, steps: Steps) -> dict[str, Any] | None:
        if to is None:
            return None
        name = f"reply.{sha256(to.remote_id.encode()).hexdigest()[:16]}"
        kept = steps.get(name)
        if isinstance(kept, dict):
            return kept
        extra = to.extra
        if "cid" in extra and ("root_cid" in extra) == ("root_uri" in extra):
            parent = {"uri": to.remote_id, "cid": extra["cid"]}
            root = {
                "uri": extra.get("root_uri", to.remote_id),
                "cid": extra.get("root_cid", extra["cid"]),
            }
        else:
            view = self.view(to.remote_id)
            parent = {"uri": to.remote_id, "cid": str(view.get("cid"))}
            record = view.get("record")
            ref = record.get("reply") if isinstance(record, dict) else None
            above = ref.get("root") if isinstance(ref, dict) else None
            root = {"uri": above["uri"], "cid": above["cid"]} if isinstance(above, dict) else parent
        reply = {"root": root, "parent": parent}
        steps.put(name, reply)
        return reply

    def view(self, uri: str) -> Mapping[str, Any]:
        """A post as the network shows it; Refused when it is gone."""
        views = self._client.query(
            "app.bsky.feed.getPosts",
            models.AppBskyFeedGetPosts.Params(uris=[uri]),
            lambda answer: rows_of(answer, "posts"),
        )
        for view in views:
            if view.get("uri") == uri:
                return view
        raise Refused("The post that this is about is no longer there.", code="post_gone")


def _media(post: Outgoing, images: Sequence[Image]) -> Sequence[Image | Video]:
    return [post.video] if post.video else images

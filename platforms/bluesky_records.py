"""Records of the AT Protocol: what we write, and what we read of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from atproto_client.utils.facet_detection import detect_facets, detect_mentions

from platforms.contract import (
    Image,
    Incoming,
    Limits,
    MentionKind,
    Outgoing,
    OwnPost,
    Refused,
    RemotePerson,
    ReplyRef,
    Video,
)
from platforms.failures import Malformed, text_of, time_of
from platforms.markup import clean_line, clean_text, describe_media, expand_links, safe_url
from platforms.paging import Entry

POST = "app.bsky.feed.post"
_LIMIT_LEAST = 1_000  # a server that takes no files at all is one that means something else
_TID_LETTERS = "234567abcdefghijklmnopqrstuvwxyz"
_URI = re.compile(
    r"at://(did:[a-z]+:[A-Za-z0-9._:%-]{1,200})/([a-zA-Z0-9.-]{1,200})/([A-Za-z0-9._:~-]{1,512})"
)
_DID = re.compile(r"did:[a-z]+:[A-Za-z0-9._:%-]{1,200}")
_HANDLE = re.compile(r"[a-zA-Z0-9.-]{3,253}")
_KINDS = {
    "mention": MentionKind.MENTION,
    "reply": MentionKind.REPLY,
    "quote": MentionKind.QUOTE,
}


def tid(at: datetime, key: str) -> str:
    """The record key of a post: the same for the same key and time, and in order of time.

    A TID is 53 bits of microseconds and 10 bits that tell writers apart, in 13 letters that sort
    (https://atproto.com/specs/tid). The milliseconds are `at`'s; the rest comes from `key`.
    """
    digest = int.from_bytes(sha256(key.encode()).digest()[:8], "big")
    milliseconds = int(at.timestamp() * 1000)
    value = ((milliseconds * 1000 + digest % 1000) & ((1 << 53) - 1)) << 10 | (digest >> 20) & 1023
    return "".join(_TID_LETTERS[value >> shift & 31] for shift in range(60, -1, -5))


def timestamp(at: datetime) -> str:
    """A time as records hold it: UTC, milliseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def split_uri(uri: object) -> tuple[str, str, str]:
    """DID, collection and record key of an AT-URI; raises Malformed."""
    match = _URI.fullmatch(uri) if isinstance(uri, str) else None
    if match is None:
        raise Malformed("not an AT-URI")
    return match[1], match[2], match[3]


def is_did(value: object) -> bool:
    return isinstance(value, str) and _DID.fullmatch(value) is not None


def permalink(handle: str, did: str, rkey: str) -> str:
    """The page of a post. A handle that is not valid (or not verified) gives way to the DID."""
    usable = _HANDLE.fullmatch(handle) and handle != "handle.invalid"
    return f"https://bsky.app/profile/{handle if usable else did}/post/{rkey}"


# --- what we write ------------------------------------------------------------------------------


def facets_of(text: str, resolve: Callable[[str], str | None]) -> list[dict[str, Any]]:
    """Facets of the links, tags and mentions in `text`.

    `resolve` gives the DID of a handle, or None for a handle that nobody has; such a mention
    stays plain text.
    """
    facets = [f.model_dump(exclude_none=True, by_alias=True) for f in detect_facets(text)]
    known: dict[str, str | None] = {}
    for mention in detect_mentions(text):
        handle = mention.handle.lower()
        if handle not in known:
            known[handle] = resolve(handle)
        if known[handle] is not None:
            facets.append(
                {
                    "index": {"byteStart": mention.byte_start, "byteEnd": mention.byte_end},
                    "features": [
                        {"$type": "app.bsky.richtext.facet#mention", "did": known[handle]}
                    ],
                }
            )
    return sorted(facets, key=lambda facet: int(facet["index"]["byteStart"]))


def post_record(
    post: Outgoing,
    *,
    facets: Sequence[Mapping[str, Any]],
    blobs: Sequence[tuple[Image | Video, Mapping[str, Any]]],
    reply: Mapping[str, Any] | None,
    quote: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The record of a post. The same arguments give the same bytes, so writing it twice is once."""
    record: dict[str, Any] = {
        "$type": POST,
        "text": post.text,
        "createdAt": timestamp(post.created_at),
    }
    if facets:
        record["facets"] = list(facets)
    if reply is not None:
        record["reply"] = dict(reply)
    if quote is not None:
        record["embed"] = {"$type": "app.bsky.embed.record", "record": dict(quote)}
    if blobs:
        record["embed"] = _embed(blobs)
    return record


def _embed(blobs: Sequence[tuple[Image | Video, Mapping[str, Any]]]) -> dict[str, Any]:
    """The pictures of a post, or its video."""
    first, uploaded = blobs[0]
    if isinstance(first, Video):
        video = {"$type": "app.bsky.embed.video", "video": dict(uploaded), **_shape(first)}
        return video | ({"alt": first.alt_text} if first.alt_text else {})
    images = [
        {"alt": image.alt_text, "image": dict(blob), **_shape(image)} for image, blob in blobs
    ]
    return {"$type": "app.bsky.embed.images", "images": images}


def _shape(media: Image | Video) -> dict[str, Any]:
    if not (media.width > 0 and media.height > 0):  # could not be measured
        return {}
    return {"aspectRatio": {"width": media.width, "height": media.height}}


def limits_of(server: Mapping[str, Any], usual: Limits) -> Limits:
    """The usual limits, less where an answer of `describeServer` says that files are smaller."""
    most = server.get("blobUploadLimit")
    if not isinstance(most, int) or most < _LIMIT_LEAST or usual.video is None:
        return usual
    return replace(
        usual,
        image_bytes_max=min(usual.image_bytes_max, most),
        video=replace(usual.video, bytes_max=min(usual.video.bytes_max, most)),
    )


# --- what we read ---------------------------------------------------------------------------------


def objects(value: object) -> Iterator[Mapping[str, Any]]:
    """The JSON objects in a JSON array; nothing for anything else."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def rows_of(answer: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects in a list that has to be there; raises Malformed."""
    if not isinstance(answer.get(name), list):
        raise Malformed(f"no {name}")
    return list(objects(answer[name]))


def _part(value: object, name: str) -> Mapping[str, Any]:
    part = value.get(name) if isinstance(value, dict) else None
    return part if isinstance(part, dict) else {}


def person_of(author: Mapping[str, Any]) -> RemotePerson:
    """An author of a post; raises Malformed when there is no DID."""
    did = author.get("did")
    if not is_did(did):
        raise Malformed("an author without a DID")
    handle = clean_line(author.get("handle"), 253) or str(did)
    usable = _HANDLE.fullmatch(handle) and handle != "handle.invalid"
    return RemotePerson(
        remote_id=str(did),
        handle=handle,
        display_name=clean_line(author.get("displayName")) or handle,
        profile_url=f"https://bsky.app/profile/{handle if usable else did}",
        avatar_url=safe_url(author.get("avatar")),
    )


def text_of_record(record: Mapping[str, Any]) -> str:
    """The words of a post with its links in full, and a line for each thing attached."""
    text = record.get("text")
    text = text if isinstance(text, str) else ""
    links = []
    for facet in objects(record.get("facets")):
        index = _part(facet, "index")
        start, end = index.get("byteStart"), index.get("byteEnd")
        for feature in objects(facet.get("features")):
            uri = feature.get("uri")
            if isinstance(start, int) and isinstance(end, int) and isinstance(uri, str):
                links.append((start, end, uri))
    return "\n\n".join(
        part
        for part in (
            clean_text(expand_links(text[:20_000], links)),
            describe_media(_media(record.get("embed"))),
        )
        if part
    )


def _media(embed: object) -> Iterator[dict[str, Any]]:
    if not isinstance(embed, dict):
        return
    kind = embed.get("$type")
    if kind == "app.bsky.embed.images":
        for image in objects(embed.get("images")):
            yield {"kind": "Image", "alt": image.get("alt")}
    elif kind == "app.bsky.embed.video":
        yield {"kind": "Video", "alt": embed.get("alt")}
    elif kind == "app.bsky.embed.external":
        external = _part(embed, "external")
        url = safe_url(external.get("uri"))
        title = clean_line(external.get("title"))
        yield {"kind": "Link", "alt": f"{title} {url}".strip()}
    elif kind == "app.bsky.embed.recordWithMedia":
        yield from _media(embed.get("media"))


def incoming_of(view: Mapping[str, Any], kind: MentionKind | None = None) -> Incoming:
    """A notification or a post found by a search; raises Malformed.

    `kind` defaults to the notification's reason.
    """
    did, collection, rkey = split_uri(view.get("uri"))
    if collection != POST:
        raise Malformed("not a post")
    uri, cid = str(view["uri"]), text_of(view.get("cid"))
    record = _part(view, "record")
    author = person_of(_part(view, "author"))
    if kind is None:
        kind = _KINDS.get(str(view.get("reason")))
    if kind is None or author.remote_id != did:
        raise Malformed("not what was asked for")
    root, parent = (_part(_part(record, "reply"), end) for end in ("root", "parent"))
    extra = {"cid": cid}
    thread_id, in_reply_to = uri, ""
    if parent and root:
        split_uri(root.get("uri"))
        split_uri(parent.get("uri"))
        thread_id, in_reply_to = str(root["uri"]), str(parent["uri"])
        extra |= {"root_uri": thread_id, "root_cid": text_of(root.get("cid"))}
    return Incoming(
        remote_id=uri,
        kind=kind,
        author=author,
        text=text_of_record(record),
        posted_at=time_of(view.get("indexedAt")),
        permalink=permalink(author.handle, did, rkey),
        reply_ref=ReplyRef(uri, extra),
        thread_id=thread_id,
        in_reply_to=in_reply_to,
    )


def entries_of(
    answer: Mapping[str, Any], name: str, kind: MentionKind | None
) -> tuple[list[Entry[Incoming]], str]:
    """The rows of a page, newest first, and the place of the next one."""
    entries: list[Entry[Incoming]] = []
    for row in rows_of(answer, name):
        try:
            item = incoming_of(row, kind)
            entries.append(Entry(item.remote_id, item.posted_at, item))
        except Malformed:
            continue  # one row that somebody's program wrote wrongly must not stop the rest
    following = answer.get("cursor")
    return entries, following if isinstance(following, str) else ""


def own_post_of(entry: Mapping[str, Any], handle: str) -> OwnPost:
    """One of our own records as `listRecords` gives it; raises Malformed."""
    did, _, rkey = split_uri(entry.get("uri"))
    record = _part(entry, "value")
    parent = _part(_part(record, "reply"), "parent")
    return OwnPost(
        remote_id=str(entry["uri"]),
        text=text_of_record(record),
        posted_at=time_of(record.get("createdAt")),
        permalink=permalink(handle, did, rkey),
        in_reply_to=str(parent["uri"]) if isinstance(parent.get("uri"), str) else "",
    )


# --- keeping order ------------------------------------------------------------------------------

_HIDDEN_MAX = 300  # lexicon app.bsky.feed.threadgate
THREADGATE = "app.bsky.feed.threadgate"


def root_of(view: Mapping[str, Any]) -> str:
    """The uri of the post that a reply's thread begins with, '' for what is no reply."""
    record = view.get("record")
    reply = record.get("reply") if isinstance(record, dict) else None
    root = reply.get("root") if isinstance(reply, dict) else None
    uri = root.get("uri") if isinstance(root, dict) else None
    try:
        split_uri(uri)
    except Malformed:
        return ""
    return str(uri)


def gate_with(
    gate: Mapping[str, Any], root: str, remote_id: str, *, hide: bool
) -> dict[str, Any] | None:
    """The gate of the thread under `root` with this reply hidden, or not; None: it is so already.

    What else the gate says, such as who may reply, stays.
    """
    hidden = [uri for uri in gate.get("hiddenReplies") or [] if isinstance(uri, str)]
    if (remote_id in hidden) == hide:
        return None
    others = [uri for uri in hidden if uri != remote_id]
    return dict(gate) | {
        "$type": THREADGATE,
        "post": root,
        "createdAt": gate.get("createdAt") or timestamp(datetime.now(UTC)),
        "hiddenReplies": [*others, *([remote_id] if hide else [])][-_HIDDEN_MAX:],
    }


def block_key(did: str) -> str:
    """The key of a block follows from who is blocked, so that it can be put and taken twice."""
    if not is_did(did):
        raise Refused("This is not somebody on Bluesky.", code="not_a_person")
    return tid(datetime(2023, 1, 1, tzinfo=UTC), did)

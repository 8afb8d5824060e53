"""How long a text is, as a platform counts, and what is wrong with a post before it is sent.

The composer shows these numbers while one types and the engine checks them again before sending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import regex

from platforms.contract import Image, Limits, TextUnit
from platforms.x_count import length_by_emoji_bytes, weighted_length

# A web address as Mastodon finds one in a text: with its scheme, not in the middle of a word, and
# without the punctuation of the sentence around it (twitter-text as of Mastodon's
# config/initializers/twitter_regex.rb, but for its list of top-level domains). Kept simple enough
# for the browser to count the same way.
_URL = regex.compile(
    r"(?<![\p{L}\p{N}_@#$/])https?://[\p{L}\p{N}](?:[\p{L}\p{N}.\-]*[\p{L}\p{N}])?"
    r"\.[\p{L}\p{N}\-]+(?::\d{1,5})?(?:[/?#][^\s<>\"“”‘’«»\p{Cc}]*)?",
    regex.IGNORECASE,
)
# Of Mastodon's app/models/account.rb: '@name@host', not inside a word or a path.
_MENTION = regex.compile(
    r"(?<![\p{L}\p{N}_=/])@(?P<name>[a-z0-9_]+(?:[a-z0-9_.\-]+[a-z0-9_]+)?)"
    r"@(?=[^\s@/]{1,253}(?![\p{L}\p{N}_]))[\p{L}\p{N}_]+(?:[.\-]+[\p{L}\p{N}_]+)*(?::\d{1,5})?",
    regex.IGNORECASE,
)
_HASHTAG = regex.compile(r"(?<![\p{L}\p{N}_&])[#＃](?=\w*\p{L})\w+")
_GRAPHEME = regex.compile(r"\X")
_URL_MAX = 4_096  # twitter-text takes nothing longer for an address
_NOT_LAST_IN_PATH = frozenset("!?*\"'「」;:=,.$%[]~&|@(")
_NOT_LAST_IN_QUERY = frozenset("!?*'(;:+$%[].,~|@^")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that keeps a post from going out. `message` is a sentence for people."""

    code: str  # 'text_too_long'
    message: str
    about: str = "text"  # what has to change; see checking.post_problems
    part: int = 1  # in which post of a thread


def find_urls(text: str) -> list[tuple[int, int]]:
    """Start and end of each web address in `text`, without the punctuation that follows it."""
    found = []
    for match in _URL.finditer(text):
        start, end = match.span()
        while end > start:
            last = text[end - 1]
            refused = _NOT_LAST_IN_QUERY if "?" in text[start:end] else _NOT_LAST_IN_PATH
            closes = last == ")" and text.count("(", start, end) < text.count(")", start, end)
            if last not in refused and not closes:
                break
            end -= 1
        if end - start <= _URL_MAX:
            found.append((start, end))
    return found


def count_units(text: str, unit: TextUnit) -> int:
    """Length of `text` as written, in `unit`."""
    if unit in (TextUnit.CHARACTER, TextUnit.WEIGHTED, TextUnit.EMOJI_BYTES):
        return len(text)
    if unit is TextUnit.UTF16:
        return len(text.encode("utf-16-le", "surrogatepass")) // 2
    return sum(1 for _ in _GRAPHEME.finditer(text))


def count_text(text: str, limits: Limits) -> int:
    """How much of `limits.text_max` this text uses, in `limits.unit`."""
    if limits.unit is TextUnit.WEIGHTED:
        return weighted_length(text)
    if limits.unit is TextUnit.EMOJI_BYTES:
        return length_by_emoji_bytes(text)
    # Both rules are applied to the text before its graphemes are found, as Mastodon does
    # (app/validators/status_length_validator.rb): a combining mark after a link joins its end.
    if limits.url_length is not None:
        parts = []
        position = 0
        for start, end in find_urls(text):
            parts += [_shorten(text[position:start], limits), "x" * limits.url_length]
            position = end
        parts.append(_shorten(text[position:], limits))
        text = "".join(parts)
    else:
        text = _shorten(text, limits)
    return count_units(text, limits.unit)


def _shorten(text: str, limits: Limits) -> str:
    return _MENTION.sub(r"@\g<name>", text) if limits.short_mentions else text


def text_problems(text: str, limits: Limits, images: Sequence[Image] = ()) -> list[Problem]:
    """All that is wrong with this text and these images here; empty when it may go out."""
    problems = []
    if _is_broken(text):
        return [Problem("text_invalid", "The text holds a broken character. Type it again.")]
    size = len(text.encode())
    if not text.strip() and not (images and limits.empty_text_with_image):
        problems.append(Problem("text_empty", "The text is empty."))
    over = count_text(text, limits) - limits.text_max
    if over > 0:
        problems.append(
            Problem(
                "text_too_long",
                f"The text is {over:,} {_characters(over)} over the limit of {limits.text_max:,}.",
            )
        )
    elif limits.text_bytes_max is not None and size > limits.text_bytes_max:
        problems.append(
            Problem(
                "text_too_many_bytes",
                f"The text is too large: {size:,} bytes, and {limits.text_bytes_max:,} fit. "
                "Use fewer emoji or accented characters.",
            )
        )
    if limits.media_required and not images:
        told = "A post here needs a picture or video."
        problems.append(Problem("media_required", told, about="media"))
    tags = len(_HASHTAG.findall(text))
    if limits.hashtags_max is not None and tags > limits.hashtags_max:
        problems.append(
            Problem("too_many_hashtags", f"{tags} hashtags, and {limits.hashtags_max} fit.")
        )
    problems += [replace(one, about="media") for one in _image_problems(limits, images)]
    if limits.media_by_url and not all(image.url for image in images):
        problems.append(
            Problem(
                "no_public_address",
                "Pictures and videos are fetched from a public address here, and this desk gives "
                "none: its own (SOCIALDESK_BASE_URL) has to be https and open to the internet.",
                about="media",
            )
        )
    return problems


def _is_broken(text: str) -> bool:
    """Is there a control character, or half of one that takes two?"""
    return any((ord(c) < 32 and c not in "\n\r\t") or 0xD800 <= ord(c) < 0xE000 for c in text)


def _characters(number: int) -> str:
    return "character" if number == 1 else "characters"


def _image_problems(limits: Limits, images: Sequence[Image]) -> list[Problem]:
    problems = []
    if len(images) > limits.images_max:
        problems.append(
            Problem(
                "too_many_images",
                f"{len(images)} images, and {limits.images_max} fit."
                if limits.images_max
                else "Images cannot be posted here.",
            )
        )
    if limits.gif_alone and len(images) > 1 and any(one.mime == "image/gif" for one in images):
        told = "A GIF that moves goes alone here: without other pictures."
        problems.append(Problem("mixed_media", told))
    for number, image in enumerate(images, 1):
        if _is_broken(image.alt_text):
            problems.append(
                Problem(
                    "alt_text_invalid",
                    f"The alternative text of image {number} holds a broken character.",
                )
            )
        over = count_units(image.alt_text, limits.unit) - limits.alt_text_max
        if over > 0:
            problems.append(
                Problem(
                    "alt_text_too_long",
                    f"The alternative text of image {number} is {over:,} {_characters(over)} "
                    f"over the limit of {limits.alt_text_max:,}.",
                )
            )
        if limits.image_ratio and image.width and image.height:
            least, most = limits.image_ratio
            if not least <= image.width / image.height <= most:
                problems.append(
                    Problem("image_shape", f"Image {number} is too tall or too wide for here.")
                )
        if not image.mime.startswith("image/"):
            problems.append(Problem("not_an_image", f"Image {number} is not an image."))
    return problems

"""What an adapter makes sure of before it sends anything: that a post is one the platform takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from platforms.contract import (
    Audience,
    Feature,
    Form,
    Image,
    Limits,
    Outgoing,
    PlatformInfo,
    Poll,
    Refused,
    Video,
)
from platforms.counting import Problem, text_problems
from platforms.images import fit


def fitting(post: Outgoing, info: PlatformInfo, limits: Limits) -> list[Image]:
    """The post's pictures as this platform takes them. Raises Refused for what it never takes."""
    for problem in post_problems(post, info, limits):
        raise Refused(problem.message, code=problem.code)
    return [fit(image, limits) for image in post.images]


def post_problems(post: Outgoing, info: PlatformInfo, limits: Limits) -> Iterator[Problem]:
    """All that keeps this post from going out there."""
    media: Sequence[Image] = post.images or ([_still(post.video)] if post.video else [])
    yield from text_problems(post.text, limits, media)
    for part in post.parts:
        yield from text_problems(part.text, limits, part.images)
    asked = {
        Feature.THREAD: bool(post.parts),
        Feature.POLL: post.poll is not None,
        Feature.VIDEO: post.video is not None,
        Feature.QUOTE: bool(post.quote),
        Feature.LINK: bool(post.link),
        Feature.AUDIENCE: post.audience is not Audience.EVERYBODY,
        Feature.FIRST_COMMENT: bool(post.first_comment),
    }
    for feature, wanted in asked.items():
        if wanted and feature not in info.features:
            yield Problem("not_supported", f"{info.label} has no {_WORDS[feature]}.")
    if post.form is not Form.POST and not limits.media_required:
        yield Problem("not_supported", f"{info.label} has no reels or stories here.")
    if len(post.parts) + 1 > limits.parts_max and Feature.THREAD in info.features:
        yield Problem("too_many_parts", f"A thread has {limits.parts_max} posts at most.")
    if post.video and post.images:
        yield Problem("mixed_media", "A post has either pictures or a video here.")
    if post.poll:
        yield from _poll_problems(post.poll, limits)
        if media or post.quote:
            yield Problem("mixed_media", "A poll goes alone: without pictures, video or quote.")
    if post.quote and media:
        yield Problem("mixed_media", "A post that quotes another has no pictures or video here.")
    if post.video:
        yield from _video_problems(post.video, limits)


_WORDS = {
    Feature.THREAD: "threads",
    Feature.POLL: "polls",
    Feature.VIDEO: "videos",
    Feature.QUOTE: "quotes",
    Feature.LINK: "links beside the text",
    Feature.AUDIENCE: "choice of who may reply",
    Feature.FIRST_COMMENT: "first comments",
}


def _still(video: Video) -> Image:
    """A video in the place of a picture, for the rules about words and alternative texts."""
    return Image(b"", "image/jpeg", video.alt_text, video.width, video.height, video.url)


def _poll_problems(poll: Poll, limits: Limits) -> Iterator[Problem]:
    rules = limits.poll
    if rules is None:
        return
    if not rules.options_min <= len(poll.options) <= rules.options_max:
        yield Problem(
            "poll_options", f"A poll has {rules.options_min} to {rules.options_max} options."
        )
    for number, option in enumerate(poll.options, 1):
        if not option.strip() or len(option) > rules.option_max:
            yield Problem(
                "poll_option", f"Option {number} has to be of 1 to {rules.option_max} characters."
            )
    if not rules.minutes_min <= poll.minutes <= rules.minutes_max:
        yield Problem("poll_time", "A poll cannot be open for so long, or for so short a time.")


def _video_problems(video: Video, limits: Limits) -> Iterator[Problem]:
    rules = limits.video
    if rules is None:
        return
    if video.mime not in rules.types:
        kinds = ", ".join(kind.removeprefix("video/") for kind in rules.types)
        yield Problem("video_type", f"A video has to be of the kind {kinds}.")
    if len(video.data) > rules.bytes_max:
        yield Problem(
            "video_too_large", f"A video has {rules.bytes_max // 1_000_000:,} MB at most."
        )
    if not rules.seconds_min <= video.seconds <= rules.seconds_max:
        yield Problem(
            "video_length",
            f"A video has to last {rules.seconds_min:g} to {rules.seconds_max:g} seconds.",
        )

"""What an adapter makes sure of before it sends anything: that a post is one the platform takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from platforms.contract import (
    GONE,
    Audience,
    Feature,
    Form,
    Image,
    Limits,
    Outgoing,
    Part,
    PlatformInfo,
    Poll,
    Refused,
    Video,
)
from platforms.counting import Problem, text_problems
from platforms.images import fit
from platforms.markup import safe_url


def fitting(post: Outgoing, info: PlatformInfo, limits: Limits) -> list[Image]:
    """The post's pictures as this platform takes them. Raises Refused for what it never takes."""
    for problem in post_problems(post, info, limits):
        raise Refused(problem.message, code=problem.code)
    return [fit(image, limits) for image in post.images]


def uncorrectable(post: Outgoing, info: PlatformInfo) -> str:
    """Why nobody can change the words of this post once it is out there, as a sentence; '' when
    they can be changed."""
    reasons = {
        f"A post on {info.label} cannot be corrected": Feature.EDIT not in info.features,
        "A reply cannot be corrected": post.reply_to is not None,
        "A thread cannot be corrected": bool(post.parts),
        "A poll cannot be corrected, for people have voted on what it said": post.poll is not None,
        "A reel or story cannot be corrected": post.form is not Form.POST,
    }
    reason = next((words for words, holds in reasons.items() if holds), "")
    return reason and f"{reason}: take it down and post again."


@contextmanager
def missing_is_gone(*codes: str) -> Iterator[None]:
    """A refusal with one of these codes of the platform's means that the post is not there."""
    try:
        yield
    except Refused as refused:
        if refused.code in codes:
            # The same exception: another one would carry this one with it.
            refused.code, refused.message = GONE, "The post is no longer there."
            refused.args = (refused.message,)
        raise


def refuse_uncorrectable(post: Outgoing, info: PlatformInfo, limits: Limits) -> None:
    """Raises Refused for what cannot be corrected there, or not to this."""
    if reason := uncorrectable(post, info):
        raise Refused(reason, code="not_supported")
    for problem in post_problems(post, info, limits):
        raise Refused(problem.message, code=problem.code)


def post_problems(post: Outgoing, info: PlatformInfo, limits: Limits) -> Iterator[Problem]:
    """All that keeps this post from going out there.

    Each says what it is `about`: a feature's value ('poll'), 'text', 'media' or 'form'.
    """
    yield from text_problems(post.text, limits, _stills(post))
    yield from _missing(post, info)
    if Feature.THREAD in info.features:
        yield from _thread_problems(post, info, limits)
    yield from _mixed_problems(post)
    if post.poll:
        yield from _poll_problems(post.poll, limits)
    yield from _alone_problems(post, bool(_stills(post)))
    if post.video:
        yield from _video_problems(post.video, limits)
    yield from _form_problems(post)
    if post.link and not safe_url(post.link):
        yield Problem("link", "The link is no web address.", about=str(Feature.LINK))
    if post.first_comment:
        for one in text_problems(post.first_comment, replace(limits, media_required=False)):
            yield replace(
                one, message=f"First comment: {one.message}", about=str(Feature.FIRST_COMMENT)
            )


_WORDS = {
    Feature.THREAD: "threads",
    Feature.POLL: "polls",
    Feature.VIDEO: "videos",
    Feature.QUOTE: "quotes",
    Feature.LINK: "links beside the text",
    Feature.AUDIENCE: "choice of who may reply",
    Feature.FIRST_COMMENT: "first comments",
    Feature.REEL: "reels",
    Feature.STORY: "stories",
}


def _missing(post: Outgoing, info: PlatformInfo) -> Iterator[Problem]:
    asked = {
        Feature.THREAD: bool(post.parts),
        Feature.POLL: post.poll is not None,
        Feature.VIDEO: post.video is not None,
        Feature.QUOTE: bool(post.quote),
        Feature.LINK: bool(post.link),
        Feature.AUDIENCE: post.audience is not Audience.EVERYBODY,
        Feature.FIRST_COMMENT: bool(post.first_comment),
        Feature.REEL: post.form is Form.REEL,
        Feature.STORY: post.form is Form.STORY,
    }
    for feature, wanted in asked.items():
        if wanted and feature not in info.features:
            about = "form" if feature in (Feature.REEL, Feature.STORY) else str(feature)
            yield Problem("not_supported", f"{info.label} has no {_WORDS[feature]}.", about=about)


def _thread_problems(post: Outgoing, info: PlatformInfo, limits: Limits) -> Iterator[Problem]:
    for number, part in enumerate(post.parts, 2):
        for one in _part_problems(part, info, limits):
            yield replace(one, message=f"Post {number} of the thread: {one.message}", part=number)
    if len(post.parts) + 1 > limits.parts_max:
        yield Problem(
            "too_many_parts",
            f"A thread has {limits.parts_max} posts at most.",
            about=str(Feature.THREAD),
        )


def _part_problems(part: Part, info: PlatformInfo, limits: Limits) -> Iterator[Problem]:
    yield from text_problems(part.text, limits, _stills(part))
    yield from _mixed_problems(part)
    if part.video and Feature.VIDEO not in info.features:
        yield Problem("not_supported", f"{info.label} has no videos.", about=str(Feature.VIDEO))
    elif part.video:
        yield from _video_problems(part.video, limits)


def _mixed_problems(one: Outgoing | Part) -> Iterator[Problem]:
    if one.video and one.images:
        yield Problem(
            "mixed_media", "A post has either pictures or a video here.", about=str(Feature.VIDEO)
        )


def _alone_problems(post: Outgoing, media: bool) -> Iterator[Problem]:
    """What goes without other things beside it."""
    if post.poll and (media or post.quote):
        yield Problem(
            "mixed_media",
            "A poll goes alone: without pictures, video or quote.",
            about=str(Feature.POLL),
        )
    if post.quote and media:
        yield Problem(
            "mixed_media",
            "A post that quotes another has no pictures or video here.",
            about=str(Feature.QUOTE),
        )
    if post.link and (media or post.poll or post.quote):
        yield Problem(
            "mixed_media",
            "A link beside the text goes without pictures, video, poll or quote.",
            about=str(Feature.LINK),
        )


def _form_problems(post: Outgoing) -> Iterator[Problem]:
    if post.form is Form.REEL and post.video is None:
        yield Problem("reel_without_video", "A reel is a video.", about="form")
    if post.form is Form.STORY:
        if len(post.images) + (post.video is not None) != 1:
            yield Problem("story_media", "A story is one picture or one video.", about="form")
        if post.text.strip():
            yield Problem(
                "words_not_shown", "A story shows no words beside its picture.", about="text"
            )


def _stills(one: Outgoing | Part) -> Sequence[Image]:
    """The pictures; or the video in their place, for the rules about words and their own words."""
    video = one.video
    if one.images or video is None:
        return one.images
    return [Image(b"", "image/jpeg", video.alt_text, 0, 0, video.url)]  # its shape is no picture's


def _poll_problems(poll: Poll, limits: Limits) -> Iterator[Problem]:
    rules, about = limits.poll, str(Feature.POLL)
    if rules is None:
        return
    if not rules.options_min <= len(poll.options) <= rules.options_max:
        told = f"A poll has {rules.options_min} to {rules.options_max} options."
        yield Problem("poll_options", told, about=about)
    for number, option in enumerate(poll.options, 1):
        if not option.strip() or len(option) > rules.option_max:
            told = f"Option {number} has to be of 1 to {rules.option_max} characters."
            yield Problem("poll_option", told, about=about)
    if len({option.strip() for option in poll.options}) < len(poll.options):
        yield Problem("poll_option", "Two options of the poll say the same.", about=about)
    if not rules.minutes_min <= poll.minutes <= rules.minutes_max:
        told = "A poll cannot be open for so long, or for so short a time."
        yield Problem("poll_time", told, about=about)


def _video_problems(video: Video, limits: Limits) -> Iterator[Problem]:
    rules = limits.video
    if rules is None:
        return
    if not rules.types:
        yield Problem("not_supported", "This server takes no videos.", about=str(Feature.VIDEO))
        return
    if video.mime not in rules.types:
        kinds = ", ".join(kind.removeprefix("video/") for kind in rules.types)
        yield Problem("video_type", f"A video has to be of the kind {kinds}.", about="media")
    if max(len(video.data), video.size) > rules.bytes_max:
        most = f"A video has {rules.bytes_max // 1_000_000:,} MB at most."
        yield Problem("video_too_large", most, about="media")
    if rules.pixels_max and video.width * video.height > rules.pixels_max:
        most = f"A video has {rules.pixels_max / 1_000_000:.3g} million pixels at most here."
        yield Problem("video_too_wide", most, about="media")
    if video.seconds is None or rules.seconds_max is None:
        return
    if not rules.seconds_min <= video.seconds <= rules.seconds_max:
        yield Problem(
            "video_length",
            f"A video has to last {rules.seconds_min:g} to {rules.seconds_max:g} seconds.",
            about="media",
        )

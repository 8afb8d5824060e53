"""Platforms and events: what the networks offer, and what the record may say."""

from __future__ import annotations

from audit.actions import EVENTS
from platforms.contract import (
    MODERATION,
    Deed,
    Feature,
    Limits,
    PlatformInfo,
    PollLimits,
    TextUnit,
    VideoLimits,
)
from platforms.registry import ADAPTERS, platform_info
from scheduling.traffic.budgets import span
from socialdesk.reference.markdown import code, page, table

FEATURES = {
    Feature.REPLY: "Reply to what came in",
    Feature.DELETE: "Withdraw a published post",
    Feature.SEARCH: "Search",
    Feature.IMAGES: "Pictures",
    Feature.ALT_TEXT: "Descriptions of pictures",
    Feature.HIDE: "Hide somebody's reply, and show it again",
    Feature.REMOVE: "Delete somebody's reply",
    Feature.BLOCK: "Block a person, and unblock them",
    Feature.FIND_PUBLISHED: "Can say for certain whether a post went out",
    Feature.VIDEO: "Videos",
    Feature.THREAD: "Threads of several posts",
    Feature.POLL: "Polls",
    Feature.QUOTE: "Quote a post",
    Feature.AUDIENCE: "Choose who may reply",
    Feature.FIRST_COMMENT: "A first comment of our own",
    Feature.EDIT: "The words of what is published can be corrected",
    Feature.LINK: "A link beside the text, shown as a card",
    Feature.REEL: "Reels",
    Feature.STORY: "Stories",
    Feature.MESSAGES: "Private messages",
}
NO_PAGE = (Feature.SEARCH,)
"""What the modules can do and no page of the desk offers yet."""
DEEDS = {
    Deed.PUBLISH: "A post takes",
    Deed.UPLOAD: "A picture takes",
    Deed.READ: "A reading takes",
    Deed.ITEM: "Each thing read takes",
    Deed.MODERATE: "Hiding, deleting or blocking takes",
}
UNITS = {
    TextUnit.GRAPHEME: "characters as people see them (Unicode grapheme clusters)",
    TextUnit.CHARACTER: "characters (Unicode code points)",
    TextUnit.WEIGHTED: "as twitter-text weighs them (most scripts 1, others and emoji 2)",
    TextUnit.UTF16: "code units of UTF-16",
    TextUnit.EMOJI_BYTES: "characters (Unicode code points), an emoji the bytes of its UTF-8",
}


def platforms_page() -> str:
    infos = [platform_info(key) for key in ADAPTERS]
    names = [info.label for info in infos]
    features = table(
        ("", *names),
        [
            (FEATURES[feature], *("✓" if feature in info.features else "" for info in infos))
            for feature in Feature
        ],
    )
    limits = [_limits(info.limits) for info in infos]
    return page(
        "Platforms",
        "platforms/registry.py",
        "What each platform's module declares. The composer, the checks before sending and this "
        "page read the same declaration. A server may declare other limits than these (Mastodon "
        "servers do); then the server's own are used.",
        "## What the modules can do",
        features,
        f"No page offers these yet: {', '.join(FEATURES[one].lower() for one in NO_PAGE)}.",
        "To quote a post one pastes its address, as it looks there:",
        table(
            ("Platform", "Address of a post"),
            [(i.label, code(i.post_address.example)) for i in infos if i.post_address],
        ),
        "## What the public sees",
        "Once something that came in was hidden or deleted, or its author blocked; or why the "
        "platform lets no program do it. [How to](../how-to/hide-delete-or-block.md).",
        table(
            ("Platform", "Hidden", "Deleted", "Author blocked"),
            [(i.label, *(_measure(i, one) for one in MODERATION)) for i in infos],
        ),
        "## Limits",
        table(("", *names), [(head, *(one[head] for one in limits)) for head in limits[0]]),
        "## Rates",
        "What a platform takes of us, and what each deed takes of that. Rather than ask for more, "
        "Socialdesk waits.",
        table(
            ("Platform", "Rate", "Of whom", *DEEDS.values()), [r for i in infos for r in _rates(i)]
        ),
        "## What connecting one takes",
        table(("Platform", "Key", "Server", "Handle", "Secret"), [_connect(i) for i in infos]),
        "What each platform's app asks for where a person agrees in the browser, and what the "
        "platform wants to see before. [How to](../how-to/connect-an-account.md).",
        table(
            ("Platform", "Asks at", "Scopes", "PKCE", "Tokens are renewed", "Review"),
            [_oauth(i) for i in infos if i.oauth],
        ),
    )


def _measure(info: PlatformInfo, feature: Feature) -> str:
    return f"{'✓ ' if feature in info.features else ''}{info.measure(feature).says}"


def _rates(info: PlatformInfo) -> list[tuple[str, ...]]:
    return [
        (
            info.label,
            f"{rate.units:,} {rate.name} {span(rate.per_s)}",
            "the desk, on one server" if rate.shared else "an account",
            *(str(rate.costs.get(deed, "")) for deed in DEEDS),
        )
        for rate in info.rates
    ]


def _limits(limits: Limits) -> dict[str, str]:
    return {
        "Text, at most": f"{limits.text_max} {UNITS[limits.unit]}",
        "Text in bytes (UTF-8)": f"{limits.text_bytes_max:,}" if limits.text_bytes_max else "",
        "A web address counts as": str(limits.url_length or "it is written"),
        "A name on another server counts": "without the server" if limits.short_mentions else "",
        "Pictures, at most": str(limits.images_max),
        "Size of a picture": f"{limits.image_bytes_max / 1_000_000:g} MB",
        "Pixels of a picture": f"{limits.image_pixels_max:,}" if limits.image_pixels_max else "",
        "Kinds of picture": ", ".join(t.removeprefix("image/") for t in limits.image_types),
        "Description, at most": f"{limits.alt_text_max:,}",
        "Picture without words": "yes" if limits.empty_text_with_image else "no",
        "Words without a picture": "no" if limits.media_required else "yes",
        "Pictures are fetched from a public address": "yes" if limits.media_by_url else "no",
        "Width by height of a picture": _span(limits.image_ratio),
        "Hashtags, at most": str(limits.hashtags_max or ""),
        "Video": _video(limits.video),
        "Poll": _poll(limits.poll),
        "Posts of a thread, at most": str(limits.parts_max) if limits.parts_max > 1 else "",
    }


def _span(ratio: tuple[float, float] | None) -> str:
    return f"{ratio[0]:g} to {ratio[1]:g}" if ratio else ""


def _video(limits: VideoLimits | None) -> str:
    if limits is None:
        return ""
    kinds = ", ".join(kind.removeprefix("video/") for kind in limits.types)
    size = f"{limits.bytes_max / 1_000_000:g} MB"
    if limits.seconds_max is None:
        return f"{kinds}; {size}; of any length"
    return f"{kinds}; {size}; {limits.seconds_min:g} to {limits.seconds_max:g} seconds"


def _poll(limits: PollLimits | None) -> str:
    if limits is None:
        return ""
    return (
        f"{limits.options_min} to {limits.options_max} options of {limits.option_max} characters, "
        f"open for {limits.minutes_min} to {limits.minutes_max:,} minutes"
    )


def _connect(info: PlatformInfo) -> tuple[str, ...]:
    server = info.default_base_url and code(info.default_base_url)
    asked = " or another" if server and info.asks_base_url else ""
    return (
        info.label,
        code(info.key),
        f"{server}{asked}" or "has to be named",
        info.handle_help,
        f"{info.secret_label}{_parts(info)}. {info.secret_help}",
    )


def _parts(info: PlatformInfo) -> str:
    labels = [part.label for part in info.secret_parts]
    return f" ({', '.join(labels)})" if labels else ""


def _oauth(info: PlatformInfo) -> tuple[str, ...]:
    oauth = info.oauth
    if oauth is None:
        return (info.label, "", "", "", "", "")
    renewed = {"": "no", "refresh_token": "by a refresh token", "long_lived": "before they end"}
    return (
        info.label,
        "each server's own address" if oauth.by_document else code(oauth.authorise_url),
        ", ".join(map(code, oauth.scopes)),
        "yes" if oauth.pkce else "no",
        renewed[oauth.refresh],
        oauth.review or "None.",
    )


def events_page() -> str:
    from accounts import events as of_accounts  # noqa: F401  # importing declares them
    from mentions import events as of_mentions  # noqa: F401
    from operations import events as of_operations  # noqa: F401
    from scheduling import events as of_scheduling  # noqa: F401
    from scheduling import states as of_states  # noqa: F401

    parts: list[str] = []
    for noun in sorted({name.partition(".")[0] for name in EVENTS}):
        rows = [
            (code(name), words.replace("{}", "…"))
            for name, words in sorted(EVENTS.items())
            if name.startswith(f"{noun}.")
        ]
        parts += [f"## {noun.capitalize()}", table(("Event", "Says that somebody"), rows)]
    return page(
        "Events of the record",
        "audit/actions.py` and each room's `events.py",
        "Every line of the audit record has one of these names. The record's filter and "
        "`audit_export --action` take a name, or all of a noun: `delivery.*`.",
        *parts,
    )

"""Platforms and events: what the networks offer, and what the record may say."""

from __future__ import annotations

from audit.actions import EVENTS
from platforms.contract import Deed, Feature, Limits, PlatformInfo, TextUnit
from platforms.registry import platform_info, platform_keys
from scheduling.traffic.budgets import span
from socialdesk.reference.markdown import code, page, table

FEATURES = {
    Feature.REPLY: "Reply to what came in",
    Feature.DELETE: "Withdraw a published post",
    Feature.SEARCH: "Search",
    Feature.IMAGES: "Pictures",
    Feature.ALT_TEXT: "Descriptions of pictures",
    Feature.HIDE: "Hide somebody's reply",
    Feature.BLOCK: "Block a person",
    Feature.FIND_PUBLISHED: "Can say for certain whether a post went out",
}
NO_PAGE = (Feature.SEARCH, Feature.HIDE, Feature.BLOCK)
"""What the modules can do and no page of the desk offers yet."""
DEEDS = {
    Deed.PUBLISH: "A post takes",
    Deed.UPLOAD: "A picture takes",
    Deed.READ: "A reading takes",
}
UNITS = {
    TextUnit.GRAPHEME: "characters as people see them (Unicode grapheme clusters)",
    TextUnit.CHARACTER: "characters (Unicode code points)",
}


def platforms_page() -> str:
    infos = [platform_info(key) for key in platform_keys()]
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
    )


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
    }


def _connect(info: PlatformInfo) -> tuple[str, ...]:
    server = info.default_base_url and code(info.default_base_url)
    asked = " or another" if server and info.asks_base_url else ""
    return (
        info.label,
        code(info.key),
        f"{server}{asked}" or "has to be named",
        info.handle_help,
        f"{info.secret_label}. {info.secret_help}",
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

"""Icons and the platforms' marks: our own SVG files, put into the page to take its colours."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

SOURCES = Path(__file__).resolve().parents[1] / "frontend" / "src"
NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
SVG = re.compile(r"<svg([^>]*)>(.*)</svg>", re.DOTALL)


@lru_cache(maxsize=512)
def _drawing(folder: str, name: str) -> tuple[str, str]:
    """The fill attributes and the paths of one stored drawing."""
    if not NAME.fullmatch(name):
        raise ValueError(f"Not an icon name: {name!r}")
    path = SOURCES / folder / f"{name}.svg"
    try:
        found = SVG.search(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"No icon {name!r} in frontend/src/{folder}/") from None
    if found is None:
        raise ValueError(f"{path.name} is not an SVG drawing")
    filled = 'fill="currentColor"' in found[1]
    return (" icon-filled" if filled else ""), found[2]


def svg(folder: str, name: str, css: str = "", label: str = "") -> SafeString:
    """The drawing `name` of `frontend/src/<folder>/`; raises ValueError where there is none."""
    extra, paths = _drawing(folder, name)
    # The drawings are our own files, read from the source tree, never uploaded.
    body = mark_safe(paths)  # noqa: S308
    if label:
        return format_html(
            '<svg class="icon{} {}" viewBox="0 0 24 24" role="img" aria-label="{}">{}</svg>',
            extra, css, label, body,
        )  # fmt: skip
    return format_html(
        '<svg class="icon{} {}" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>',
        extra, css, body,
    )  # fmt: skip

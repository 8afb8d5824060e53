"""Rules of the look that a reader of a change would miss: one place for colours, nothing inline."""

from __future__ import annotations

import json
import re
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "frontend" / "src"
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|oklch|oklab|hwb)\(", re.IGNORECASE)
TOKEN = re.compile(r"--sd-([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
TOKENS = {
    name: (light, dark)
    for name, light, dark in TOKEN.findall((SOURCES / "tokens.css").read_text(encoding="utf-8"))
}
TONES = ["grey", "amber", "teal", "blue", "indigo", "green", "red", "violet"]
SURFACES = ["page", "sheet", "sunk", "raised", "hover", "selected"]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance of #rrggbb."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, contrast ratio, 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


PAIRS = [
    *product(["ink", "ink-2", "ink-3"], SURFACES),
    *product(["accent-text"], ["page", "sheet", "sunk", "raised", "accent-soft", "selected"]),
    *((f"{tone}-text", f"{tone}-soft") for tone in TONES),
    *product([f"{tone}-text" for tone in TONES], ["sheet", "raised"]),
    *product(["hue-ink"], [f"hue-{number}" for number in range(8)]),
    ("on-accent", "accent"), ("on-accent", "accent-hover"), ("on-red", "red-fill"),
    ("on-red", "red-fill-hover"), ("del-text", "del-soft"), ("ins-text", "ins-soft"),
    ("ink", "sandbox-page"), ("ink-3", "sandbox-page"), ("ink-inverse", "ink"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ground"), PAIRS)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_is_readable_on_its_ground(text: str, ground: str, theme: int) -> None:
    assert contrast(TOKENS[text][theme], TOKENS[ground][theme]) >= 4.5


@pytest.mark.parametrize("edge", ["line-control", "focus", "accent"])
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_the_edge_of_a_control_is_seen(edge: str, theme: int) -> None:
    for ground in ("page", "sheet", "raised"):
        assert contrast(TOKENS[edge][theme], TOKENS[ground][theme]) >= 3


def test_colours_live_in_the_tokens_alone() -> None:
    for sheet in [*SOURCES.glob("*.css"), *(SOURCES / "styles").glob("*.css")]:
        if sheet.name != "tokens.css":
            assert COLOUR.findall(sheet.read_text(encoding="utf-8")) == [], sheet


def test_every_token_that_is_used_exists() -> None:
    declared = set(re.findall(r"(--sd-[\w-]+):", (SOURCES / "tokens.css").read_text("utf-8")))
    for sheet in SOURCES.rglob("*.css"):
        used = set(re.findall(r"var\((--sd-[\w-]+)", sheet.read_text(encoding="utf-8")))
        assert used <= declared, sheet


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_no_inline_code_and_names_no_other_site(template: Path) -> None:
    # What stands in a template tag is the server's, not the page's.
    text = re.sub(r"\{%.*?%\}", "", template.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|\bhx-on", text)
    assert not re.search(r"""hx-(?:vals|headers)=["']\s*(?:js|javascript):""", text)
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", text)
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script or 'type="application/json"' in script, script


def test_templates_stay_short() -> None:
    lengths = sorted(len(path.read_text(encoding="utf-8").splitlines()) for path in TEMPLATES)
    assert lengths[-1] <= 150
    assert lengths[len(lengths) // 2] <= 40


def test_the_lock_file_pins_by_hash_and_names_no_registry() -> None:
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text("utf-8"))["packages"]
    for name, package in packages.items():
        assert "resolved" not in package
        assert not name or "integrity" in package

"""Demo life on the Sandbox: three official accounts of Northmoor and the people around them.

Northmoor does not exist. The same moment always gives the same network. The words are in demo.toml.
"""

from __future__ import annotations

import io
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from platforms.sandbox.records import Account
from platforms.sandbox.store import Store


@dataclass(frozen=True, slots=True)
class DemoAccount:
    handle: str
    display_name: str
    bio: str
    token: str  # no secret: it opens a made-up account on a practice network


@cache
def _demo() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "demo.toml").read_text("utf-8"))


def demo_accounts() -> list[DemoAccount]:
    """The official accounts that `seed` opens, with the tokens it gives them."""
    return [DemoAccount(**told) for told in _demo()["official"]]


def seed(store: Store, *, now: datetime | None = None) -> bool:
    """Put the demo into an empty network, ending at `now`; False (and nothing done) otherwise."""
    if not store.is_empty():
        return False
    now = now or datetime.now(UTC)
    began = now - timedelta(days=400)
    who: dict[str, Account] = {}
    for demo in demo_accounts():
        account = store.accounts.create(
            handle=demo.handle,
            display_name=demo.display_name,
            bio=demo.bio,
            official=True,
            now=began,
        )
        store.accounts.token_create(account, token=demo.token)
        who[demo.handle] = account
    for told in _demo()["people"]:
        who[told["handle"]] = store.accounts.create(**told, now=began)
    ids: dict[str, int] = {}
    for number, said in enumerate(_demo()["posts"]):
        author = who[said["who"]]
        picture = said.get("picture")
        post, _ = store.posts.create(
            author,
            said["text"],
            in_reply_to=ids[said["answers"]] if "answers" in said else None,
            images=[(store.media.add(author, _road_sign()), picture)] if picture else [],
            key=f"demo-{number}",
            now=now - timedelta(minutes=said["minutes_ago"]),
        )
        ids[said.get("name", "")] = post.id
    return True


def _road_sign() -> bytes:
    """A small drawing, so that the demo needs no picture of anybody's."""
    picture = Image.new("RGB", (960, 540), "#bcd4e6")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 330, 960, 540), fill="#5b5f66")
    for x, top in ((40, 120), (200, 70), (360, 150), (560, 90), (740, 130)):
        draw.rectangle((x, top, x + 150, 330), fill="#a5795a", outline="#7c5842", width=4)
        for row in range(2):
            for column in range(2):
                left, upper = x + 28 + column * 62, top + 30 + row * 70
                draw.rectangle((left, upper, left + 32, upper + 42), fill="#f5e9c8")
    for x in (140, 800):
        draw.rectangle((x, 300, x + 20, 470), fill="#3c3f45")
    for part in range(14):
        left = 110 + part * 53
        colour = "#c8102e" if part % 2 else "#f7f7f5"
        draw.polygon(
            [(left, 400), (left + 26, 340), (left + 79, 340), (left + 53, 400)], fill=colour
        )
    draw.rounded_rectangle(
        (330, 180, 630, 300), radius=14, fill="#c8102e", outline="white", width=6
    )
    draw.text((480, 240), "Road closed", fill="white", anchor="mm", font_size=44)
    out = io.BytesIO()
    picture.save(out, "PNG", optimize=True)
    return out.getvalue()

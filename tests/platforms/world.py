"""What a platform is to the contract tests: a fake server, an account on it, and things to send."""

from __future__ import annotations

import io
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from PIL import Image as Pillow

from platforms.contract import (
    Adapter,
    Connection,
    Image,
    NetworkPolicy,
    Outgoing,
    PlatformInfo,
    ReplyRef,
    Video,
)
from platforms.registry import open_adapter, platform_info

from .server import Asked, FakeServer

Match = Callable[[Asked], bool]


@dataclass(frozen=True)
class Seen:
    """A post of the account as the server holds it."""

    remote_id: str
    text: str
    alts: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    reply_to: str = ""


class World(ABC):
    """A fake server and the account on it. `key` is the platform's in the registry."""

    key: str
    server: FakeServer
    handle: str
    remote_id: str
    mentionable: str  # how somebody on this network is named in a text
    stranger_name = "A Stranger"  # as this network tells it
    tells_videos = False  # `posts` shows a video as it shows a picture, and none needs an address

    def __init__(self) -> None:
        self.kept: list[str] = []  # sessions the adapter asked to keep

    # --- the adapter ------------------------------------------------------------------------

    @property
    def info(self) -> PlatformInfo:
        return platform_info(self.key)

    @property
    @abstractmethod
    def secret(self) -> str: ...

    @property
    def lasting_secret(self) -> str:
        """One that is renewed, where the network has such."""
        return self.secret

    def secrets(self) -> list[str]:
        """Everything that must never be seen in a message or a log."""
        return [self.secret]

    def policy(self, **changes: Any) -> NetworkPolicy:
        values: dict[str, Any] = {
            "private_hosts": frozenset({self.server.private_host}),
            "connect_timeout_s": 2.0,
            "read_timeout_s": 10.0,  # a busy machine is not a fault
            "total_timeout_s": 20.0,
            "max_answer_bytes": 1_000_000,
        }
        return NetworkPolicy(**{**values, **changes})

    def impatient(self) -> NetworkPolicy:
        """For servers that hang or drip."""
        return self.policy(read_timeout_s=0.5, total_timeout_s=1.2)

    def adapter(
        self,
        *,
        secret: str | None = None,
        base_url: str | None = None,
        policy: NetworkPolicy | None = None,
        known: bool = True,
    ) -> Adapter:
        return open_adapter(
            self.key,
            Connection(
                handle=self.handle,
                base_url=self.server.url if base_url is None else base_url,
                secret=self.secret if secret is None else secret,
                remote_id=self.remote_id if known else "",
                session=self.kept[-1] if self.kept and secret is None else "",
            ),
            network=policy or self.policy(),
            remember=self.kept.append,
        )

    def close(self) -> None:
        self.server.close()

    def outgoing(
        self,
        text: str,
        *images: Image,
        reply_to: ReplyRef | None = None,
        ago: timedelta = timedelta(0),
    ) -> Outgoing:
        """A post as this network takes it."""
        return outgoing(text, *images, reply_to=reply_to, ago=ago)

    # --- what others do, and what there is to see ---------------------------------------------

    @abstractmethod
    def posts(self) -> list[Seen]:
        """The account's posts, oldest first."""

    @abstractmethod
    def mention(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        """A stranger says something to the account; the remote id."""

    @abstractmethod
    def stranger_posts(self, text: str) -> str:
        """A stranger says something to nobody in particular; the remote id."""

    @abstractmethod
    def post_elsewhere(self, text: str) -> str:
        """Somebody posts as the account, without Socialdesk; the remote id."""

    @abstractmethod
    def revoke(self) -> None:
        """The credentials are taken away."""

    @abstractmethod
    def throw_uploads_away(self) -> None:
        """What was uploaded and no post has taken up is gone."""

    def last_poll(self) -> tuple[tuple[str, ...], int] | None:
        """Options and minutes of the newest post's poll; asked only where there are polls."""
        raise NotImplementedError

    def last_quote(self) -> str:
        """The id of what the newest post shows; asked only where posts are quoted."""
        raise NotImplementedError

    def hidden(self) -> list[str]:
        """Ids of the replies that are hidden; asked only where some can be."""
        raise NotImplementedError

    def is_there(self, remote_id: str) -> bool:
        """Whether this reply is still there; asked only where somebody else's can be deleted."""
        raise NotImplementedError

    def blocked(self) -> list[str]:
        """Ids of the people who are blocked; asked only where some can be."""
        raise NotImplementedError

    # --- where faults go ------------------------------------------------------------------------

    writes: Match  # the request that publishes
    deletes: Match
    edits: Match  # the request that changes a post's words; asked only where there is one
    uploads: Match
    reads: Match  # the request of fetch_mentions
    verifies: Match


def path(method: str, end: str) -> Match:
    return lambda asked: asked.method == method and asked.path.endswith(end)


# --- things to send ---------------------------------------------------------------------------


@cache
def _jpeg(width: int, height: int, seed: int) -> bytes:
    out = io.BytesIO()
    picture = Pillow.effect_noise((width, height), 40 + seed).convert("RGB")
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()


def picture(alt: str, width: int = 120, height: int = 80, seed: int = 0) -> Image:
    return Image(_jpeg(width, height, seed), "image/jpeg", alt, width, height)


def video(
    alt: str, *, size: int = 5_000, width: int = 640, height: int = 360, seconds: float = 12.0
) -> Video:
    """What begins as an MP4 does, and shows nothing."""
    start = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
    return Video(start.ljust(size, b"v"), "video/mp4", alt, width, height, seconds)


_keys = iter(range(1, 10**9))


def outgoing(
    text: str,
    *images: Image,
    reply_to: ReplyRef | None = None,
    ago: timedelta = timedelta(0),
) -> Outgoing:
    """A post whose first attempt was so long ago."""
    key = f"{next(_keys):016x}{time.monotonic_ns() & 0xFFFFFFFFFFFFFFFF:016x}"
    return Outgoing(key, text, datetime.now(UTC) - ago, images, reply_to)

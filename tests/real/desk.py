"""Socialdesk's side of the tests: the official account, and adapters as a worker opens them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import random
import re
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from PIL import Image as Pillow

from platforms.contract import (
    Adapter,
    Batch,
    Connection,
    Image,
    NetworkPolicy,
    Outgoing,
    ReplyRef,
)
from platforms.registry import open_adapter

from .people import Bluesky, Person

JWT_SECRET = b"jwt-secret"  # the well-known one of @atproto/dev-env (dev-env/src/const.ts)


@dataclass
class Desk:
    """The official account `person`, reached by an app password. `sessions`: those kept so far."""

    network: Bluesky
    person: Person
    secret: str = field(repr=False)
    sessions: list[str] = field(default_factory=list, repr=False)

    def connection(self, *, session: str | None = None, secret: str | None = None) -> Connection:
        kept = self.sessions[-1] if self.sessions else ""
        return Connection(
            handle=self.person.handle,
            base_url=self.network.pds_url,
            secret=self.secret if secret is None else secret,
            remote_id=self.person.did,
            session=kept if session is None else session,
        )

    def adapter(self, *, session: str | None = None, secret: str | None = None) -> Adapter:
        """An adapter as a new worker opens it: with the newest session, unless told another."""
        return open_adapter(
            "bluesky",
            self.connection(session=session, secret=secret),
            network=NetworkPolicy(private_hosts=frozenset({self.network.private_host})),
            remember=self.sessions.append,
        )


def open_desk(network: Bluesky, name: str = "", *, display_name: str = "") -> Desk:
    person = network.account(name, display_name=display_name)
    return Desk(network, person, network.app_password(person))


def outgoing(
    text: str, *, images: Sequence[Image] = (), reply_to: ReplyRef | None = None
) -> Outgoing:
    """A post with a key of its own, as the engine hands it over."""
    return Outgoing(
        key=secrets.token_hex(16),
        text=text,
        created_at=datetime.now(UTC),
        images=images,
        reply_to=reply_to,
    )


def picture(
    width: int = 64,
    height: int = 48,
    *,
    alt: str = "",
    noise: bool = False,
    mime: str = "image/png",
) -> Image:
    """A decodable image; `noise` makes one that does not compress."""
    pixels = (
        random.Random(1).randbytes(width * height * 3)
        if noise
        else b"\x20\x60\xc0" * (width * height)
    )
    out = io.BytesIO()
    Pillow.frombytes("RGB", (width, height), pixels).save(out, mime.removeprefix("image/").upper())
    return Image(out.getvalue(), mime, alt, width, height)


def drain(fetch: Callable[[str], Batch], cursor: str) -> tuple[list, str]:
    """Everything that is to be had after `cursor`, batch by batch, and where that ends."""
    items: list = []
    for _ in range(100):
        batch = fetch(cursor)
        items += batch.items
        cursor = batch.cursor
        if not batch.more:
            return items, cursor
    raise AssertionError("'more' never ended")


# --- sessions that have gone bad ------------------------------------------------------------

_JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")


def claims(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def tokens(session: str) -> dict[str, str]:
    """The access and the refresh token inside a kept session, whatever its form."""
    found = {}
    for token in _JWT.findall(session):
        scope = claims(token)["scope"]
        found["refresh" if scope == "com.atproto.refresh" else "access"] = token
    assert set(found) == {"access", "refresh"}
    return found


def expired(session: str, *kinds: str) -> str:
    """`session` after so long that its tokens of these kinds ran out (its access token, where none
    is named), signed by the server as they would be."""
    for kind in kinds or ("access",):
        token = tokens(session)[kind]
        past = {"iat": int(time.time()) - 7_260, "exp": int(time.time()) - 60}
        body = json.dumps(claims(token) | past, separators=(",", ":")).encode()
        unsigned = f"{token.partition('.')[0]}.{_encode(body)}"
        signature = hmac.new(JWT_SECRET, unsigned.encode(), hashlib.sha256).digest()
        session = session.replace(token, f"{unsigned}.{_encode(signature)}")
    return session

"""What the Sandbox's store hands out, its limits, and its refusals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

LOCAL_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")  # names of the machine it runs on
TEXT_MAX: Final = 500  # code points
IMAGES_MAX: Final = 4
IMAGE_BYTES_MAX: Final = 8_000_000
IMAGE_PIXELS_MAX: Final = 40_000_000
ALT_TEXT_MAX: Final = 1_500  # code points
NAME_MAX: Final = 60
BIO_MAX: Final = 200
PAGE_MAX: Final = 50
IMAGE_TYPES: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


class NotAllowed(Exception):
    """The network will not do this. `code` is for programs, `message` for people.

    `field` names the form field that would have to change, where there is one.
    """

    def __init__(self, code: str, message: str, *, status: int = 422, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.field = field


@dataclass(frozen=True, slots=True)
class Account:
    id: int
    handle: str
    display_name: str
    bio: str
    official: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StoredImage:
    media_id: str
    mime: str
    width: int
    height: int
    alt_text: str


@dataclass(frozen=True, slots=True)
class Post:
    """A post, or what is left of a deleted one: its text and images are gone, its key is not."""

    id: int
    author: Account
    text: str
    created_at: datetime
    in_reply_to: int | None
    root_id: int
    hidden: bool
    deleted: bool
    replies: int  # direct ones that still stand
    images: tuple[StoredImage, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    kind: str  # 'mention', 'reply', 'quote'
    post: Post

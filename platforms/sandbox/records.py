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
VIDEO_BYTES_MAX: Final = 50_000_000
VIDEO_TYPE: Final = "video/mp4"
IMAGE_TYPES: Final = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}


POLL_OPTIONS: Final = (2, 4)
POLL_OPTION_MAX: Final = 50  # code points
POLL_MINUTES: Final = (5, 10_080)
PARTS_MAX: Final = 25  # posts of a thread; what its adapter keeps to
LINK_MAX: Final = 2_000
AUDIENCES: Final = ("everybody", "followed", "mentioned")
FORMS: Final = ("post", "reel", "story")


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
    width: int  # 0: a video, which nobody measures here
    height: int
    alt_text: str

    @property
    def is_video(self) -> bool:
        return self.mime == VIDEO_TYPE


@dataclass(frozen=True, slots=True)
class Extras:
    """What a post has beside its text and images. `options` and `minutes` are of its poll."""

    options: tuple[str, ...] = ()
    minutes: int = 0
    quote: int | None = None  # id of the post it shows
    link: str = ""
    audience: str = "everybody"  # who may reply
    form: str = "post"


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
    extras: Extras = Extras()
    edited_at: datetime | None = None
    quoted: Post | None = None  # the post that `extras.quote` shows, if it still stands


@dataclass(frozen=True, slots=True)
class Notice:
    kind: str  # 'mention', 'reply', 'quote'
    post: Post

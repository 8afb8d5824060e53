"""What an outside network has to offer, as a protocol and frozen value objects.

An adapter is built for one social account (`Connection`) and is used by one worker at a time.
Every failure of an adapter method is one of the four `PlatformError`s and nothing else; which
one it is decides what the engine may do next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar, runtime_checkable

from platforms.declared import MODERATION as MODERATION
from platforms.declared import Allowance as Allowance
from platforms.declared import AppCredentials as AppCredentials
from platforms.declared import Deed as Deed
from platforms.declared import Feature as Feature
from platforms.declared import Limits as Limits
from platforms.declared import MentionKind as MentionKind
from platforms.declared import PlatformInfo as PlatformInfo
from platforms.declared import PollLimits as PollLimits
from platforms.declared import PostAddress as PostAddress
from platforms.declared import Rate as Rate
from platforms.declared import TextUnit as TextUnit
from platforms.declared import VideoLimits as VideoLimits
from platforms.errors import DUPLICATE as DUPLICATE
from platforms.errors import GONE as GONE
from platforms.errors import AuthorisationLost as AuthorisationLost
from platforms.errors import OutcomeUnknown as OutcomeUnknown
from platforms.errors import PlatformError as PlatformError
from platforms.errors import Refused as Refused
from platforms.errors import RetryLater as RetryLater
from platforms.turns import Turns as Turns

T = TypeVar("T")

VERSION = 1
"""Of this contract; raised when what was written for the one before will no longer do.

A platform in a package of its own says in its class which one it was written for: `contract = 1`.
"""


# --- what goes over -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connection:
    """All that an adapter knows of the account it acts for."""

    handle: str
    base_url: str  # 'https://bsky.social', no slash at the end
    secret: str = field(repr=False)
    remote_id: str = ""  # the platform's own id of the account; '' before the first verify
    session: str = field(default="", repr=False)  # what the adapter asked to keep (see `remember`)
    app: AppCredentials | None = None  # for platforms that renew a token only for the app
    turns: Turns | None = field(default=None, repr=False, compare=False)  # to renew, one at a time


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the credentials belong to, as the platform says."""

    remote_id: str
    handle: str
    display_name: str
    profile_url: str
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class Image:
    data: bytes = field(repr=False)
    mime: str
    alt_text: str
    width: int
    height: int
    url: str = ""  # a public, short-lived address of the same bytes (see Limits.media_by_url)


@dataclass(frozen=True, slots=True)
class Video:
    data: bytes = field(repr=False)
    mime: str
    alt_text: str
    width: int
    height: int
    seconds: float | None  # None: could not be measured here
    url: str = ""
    size: int = 0  # bytes; for the rules, where the data is not at hand


@dataclass(frozen=True, slots=True)
class Poll:
    options: tuple[str, ...]
    minutes: int  # how long one may vote


class Audience(StrEnum):
    """Who may reply."""

    EVERYBODY = "everybody"
    FOLLOWED = "followed"  # those the account follows
    MENTIONED = "mentioned"


class Form(StrEnum):
    """How a platform shows a post, where it has more than one way."""

    POST = "post"
    REEL = "reel"
    STORY = "story"


@dataclass(frozen=True, slots=True)
class Part:
    """A further post of a thread."""

    text: str
    images: Sequence[Image] = ()
    video: Video | None = None


@dataclass(frozen=True, slots=True)
class ReplyRef:
    """What a platform needs to put a reply under a post; made by the adapter that read the post."""

    remote_id: str
    extra: Mapping[str, str] = field(default_factory=dict)  # Bluesky: cid, root_uri, root_cid


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One post on one account, ready to go.

    `key` (32 hex digits, one per delivery, the same for every attempt) is what a platform may use
    to recognise a second sending; `created_at` is the same for every attempt, too. It is the time
    of the first attempt and not of the writing: Bluesky shows it as the post's own time.
    """

    key: str
    text: str
    created_at: datetime  # aware
    images: Sequence[Image] = ()
    reply_to: ReplyRef | None = None
    video: Video | None = None
    parts: Sequence[Part] = ()  # what follows in the same thread
    poll: Poll | None = None
    quote: str = ""  # remote id of the post it shows, by PlatformInfo.post_address
    link: str = ""  # beside the text (Feature.LINK)
    audience: Audience = Audience.EVERYBODY
    form: Form = Form.POST
    first_comment: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    remote_id: str
    permalink: str
    published_at: datetime  # aware; the platform's own time where it tells
    parts: Sequence[str] = ()  # remote ids of what follows in the same thread
    note: str = ""  # what did not come about beside the post itself, for people


class Presence(StrEnum):
    FOUND = "found"
    ABSENT = "absent"  # certain: it did not go out
    UNCLEAR = "unclear"  # the platform cannot tell; a person decides


@dataclass(frozen=True, slots=True)
class Lookup:
    """The answer to: did this post go out? `published` is set exactly when it was found."""

    presence: Presence
    published: Published | None = None
    reason: str = ""  # for people


@dataclass(frozen=True, slots=True)
class RemotePerson:
    remote_id: str
    handle: str
    display_name: str
    profile_url: str = ""
    avatar_url: str = ""


@dataclass(frozen=True, slots=True)
class Incoming:
    """Something said to or about the account. `text` is plain text: markup was taken out."""

    remote_id: str
    kind: MentionKind
    author: RemotePerson
    text: str
    posted_at: datetime  # aware
    permalink: str
    reply_ref: ReplyRef
    thread_id: str  # the same for everything in one thread; own id when it starts one
    in_reply_to: str = ""  # remote id of the post it answers, '' when none


@dataclass(frozen=True, slots=True)
class OwnPost:
    remote_id: str
    text: str
    posted_at: datetime
    permalink: str
    in_reply_to: str = ""


@dataclass(frozen=True, slots=True)
class Batch(Generic[T]):
    """A page of things, oldest first, and the cursor that asks for what comes after them."""

    items: Sequence[T]
    cursor: str  # opaque; keep it together with the items, in one transaction
    more: bool = False  # there is more to be had at once


# --- the adapter ------------------------------------------------------------------------------


Remember = Callable[[str], None]
"""Called by an adapter, at any point, with a session to keep (sealed) for the next time."""


class Steps(Protocol):
    """Results of the steps of a publish, kept between attempts, so that a restart resumes.

    An adapter puts one more right before the request that publishes: `put` may raise when the
    delivery is no longer this worker's, and then nothing more must be sent.
    """

    def get(self, name: str) -> Any: ...

    def put(self, name: str, result: Any) -> None:
        """Store a JSON value durably before going on."""


class StepsInMemory:
    """Steps for a single run: tests, and callers that never resume."""

    def __init__(self) -> None:
        self._done: dict[str, Any] = {}

    def get(self, name: str) -> Any:
        return self._done.get(name)

    def put(self, name: str, result: Any) -> None:
        self._done[name] = result


@dataclass(frozen=True, slots=True)
class Proxy:
    """Through which outgoing requests have to go. `credentials`: 'user:password', if it asks."""

    host: str
    port: int
    credentials: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """What outgoing requests may do. `private_hosts`: 'host:port' that may be private; these are
    reached without the proxy."""

    private_hosts: frozenset[str] = frozenset()
    proxy: Proxy | None = None
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 20.0
    total_timeout_s: float = 60.0  # of one request, however slowly its answer trickles in
    max_answer_bytes: int = 4_000_000


@runtime_checkable
class Adapter(Protocol):
    """One network, for one account. Every method raises one of the four PlatformErrors or returns.

    Only `publish`, `delete` and what keeps order may raise OutcomeUnknown: reading changes nothing,
    so a read that got no answer is RetryLater.
    """

    info: ClassVar[PlatformInfo]

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None: ...

    def verify(self) -> Identity:
        """Who the credentials belong to; the cheapest call that proves they work."""

    def limits(self) -> Limits:
        """This server's own limits (`info.limits` where the platform has only one set)."""

    def publish(self, post: Outgoing, *, steps: Steps) -> Published: ...

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """Did `post` go out at or after `since`? Never guesses: UNCLEAR when it cannot be told."""

    def delete(self, remote_id: str) -> None:
        """Take a post down. Deleting what is already gone succeeds."""

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        """What came in after `cursor` ('' : the most recent page, at most 50)."""

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]: ...

    def search(self, query: str, cursor: str) -> Batch[Incoming]: ...

    # What keeps order. Each may be asked for again: what is so already succeeds. Refused where the
    # platform has no such thing (platforms.declining says so in the words of the declaration).

    def hide(self, remote_id: str) -> None:
        """Hide somebody's reply under a post of ours."""

    def show(self, remote_id: str) -> None:
        """Show again what `hide` hid."""

    def remove(self, remote_id: str) -> None:
        """Delete somebody's reply under a post of ours. What is gone already succeeds."""

    def block(self, remote_person_id: str) -> None: ...

    def unblock(self, remote_person_id: str) -> None: ...


@runtime_checkable
class Counted(Protocol):
    """An adapter whose platform says how many more requests it takes."""

    def allowance(self) -> Allowance | None:
        """What the newest answer says is left; None where it says nothing. Sends nothing."""


@runtime_checkable
class Edits(Protocol):
    """An adapter that can change the text of a published post: one that declares Feature.EDIT."""

    def edit(self, remote_id: str, post: Outgoing) -> None:
        """Let the post that is there say `post.text`, and keep all else that it has.

        `post` is as it was published but for its text, and its media need no data. Doing it again
        does no harm. Raises as `Adapter.publish` does; GONE for a post that is no longer there.
        """


@runtime_checkable
class Lapsing(Protocol):
    """An adapter that knows when its credentials end."""

    def lapses_at(self) -> datetime | None:
        """From when on a person has to have connected the account anew; None where nothing says
        so, as with what renews itself. Sends nothing."""


@dataclass(frozen=True, slots=True)
class Offered:
    """An account that a sign-in may speak for, and what to connect it with."""

    platform: str
    identity: Identity
    secret: str = field(repr=False)
    base_url: str = ""  # where it lives; '': where it was asked for


@runtime_checkable
class Offers(Protocol):
    """An adapter whose credentials may speak for several accounts, some of another platform."""

    def offered(self) -> list[Offered]: ...


@runtime_checkable
class Prepares(Protocol):
    """An adapter that can do part of publishing ahead of time. Raises as `Adapter` does."""

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """Do what `publish` would do before it publishes, and keep it in `steps`.

        Proves that the credentials work and that the text and pictures will be taken, as far as
        that can be known, and uploads the pictures where that shows nothing to anybody. Publishes
        nothing. What it kept may be gone when `publish` comes, which then does it again.
        """

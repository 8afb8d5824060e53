"""What a platform declares, as data: limits, features, rates, and what connecting an account takes.

The composer, the checks before sending, the connect page and the reference read the same lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import timedelta
from enum import StrEnum
from typing import Any, TypeVar


class Feature(StrEnum):
    REPLY = "reply"
    DELETE = "delete"
    SEARCH = "search"
    IMAGES = "images"
    ALT_TEXT = "alt_text"
    HIDE = "hide"  # somebody's reply under a post of ours, and show it again
    REMOVE = "remove"  # delete somebody's reply under a post of ours
    BLOCK = "block"  # a person, and end that again
    FIND_PUBLISHED = "find_published"  # can say for certain whether a publish took effect
    VIDEO = "video"
    THREAD = "thread"  # several posts, each under the one before
    POLL = "poll"
    QUOTE = "quote"
    AUDIENCE = "audience"  # who may reply
    FIRST_COMMENT = "first_comment"  # a comment of our own under the new post
    LINK = "link"  # an address beside the text, shown as a card
    REEL = "reel"  # a video among others, one after the other
    STORY = "story"  # a picture or video that is gone after a day
    EDIT = "edit"  # the text of a published post can be changed
    MESSAGES = "messages"  # private messages come in and are answered


class MentionKind(StrEnum):
    MENTION = "mention"
    REPLY = "reply"
    QUOTE = "quote"
    MESSAGE = "message"
    MATCH = "match"  # found by a search


MODERATION = (Feature.HIDE, Feature.REMOVE, Feature.BLOCK)
"""What can be done about what came in, where a platform declares it."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What comes of one of MODERATION there.

    `says`: sentences for people, of what the public sees once it is done; where the platform lacks
    the feature, of why not, and what to do instead. `kinds`: on what of that which came in it
    works, where the platform has it.
    """

    says: str
    kinds: frozenset[MentionKind] = frozenset({MentionKind.REPLY})


ANYTHING = frozenset(MentionKind)


class TextUnit(StrEnum):
    GRAPHEME = "grapheme"  # extended grapheme clusters, Unicode UAX #29
    CHARACTER = "character"  # code points
    WEIGHTED = "weighted"  # twitter-text: most scripts 1, others and emoji 2, a web address 23
    UTF16 = "utf16"  # code units of UTF-16
    EMOJI_BYTES = "emoji_bytes"  # code points, but an emoji the bytes of its UTF-8 (Threads)


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """Of one video. Sizes in bytes, times in seconds."""

    bytes_max: int
    seconds_max: float | None  # None: as long as its size allows
    seconds_min: float = 0.0
    types: tuple[str, ...] = ("video/mp4",)  # none: this server takes no videos
    pixels_max: int | None = None  # of one frame


@dataclass(frozen=True, slots=True)
class PollLimits:
    options_max: int
    option_max: int  # characters of one option
    minutes_min: int
    minutes_max: int
    options_min: int = 2


P = TypeVar("P", VideoLimits, PollLimits)


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one server; for composer, checks and docs. Sizes in bytes, lengths in `unit`."""

    text_max: int
    unit: TextUnit
    url_length: int | None = None  # every URL counts as this many units; None: as written
    short_mentions: bool = False  # '@name@host' counts as '@name' (Mastodon)
    text_bytes_max: int | None = None  # UTF-8 bytes as well (Bluesky)
    images_max: int = 4
    image_bytes_max: int = 8_000_000
    image_pixels_max: int | None = None
    image_types: tuple[str, ...] = ("image/jpeg", "image/png")
    gif_alone: bool = False  # a GIF that moves goes without other pictures (X)
    alt_text_max: int = 1_500
    empty_text_with_image: bool = True
    media_required: bool = False  # no post without a picture or video (Instagram)
    media_by_url: bool = False  # the platform fetches pictures and videos from a public address
    image_ratio: tuple[float, float] | None = None  # width by height, the least and the most
    hashtags_max: int | None = None
    video: VideoLimits | None = None
    poll: PollLimits | None = None
    parts_max: int = 1  # posts of one thread


def limits_kept(told: Limits, usual: Limits) -> dict[str, Any]:
    """What a server declares otherwise than its platform does, to be stored as JSON.

    All else stays the platform's, also when a later version knows more of it.
    """
    theirs, ours = asdict(told), asdict(usual)
    return {name: value for name, value in theirs.items() if value != ours[name]}


def limits_from(values: Mapping[str, Any], usual: Limits) -> Limits:
    """Limits as `limits_kept` and JSON left them. What is not known here is left out, and what was
    not known then is as `usual`."""
    known = _known(Limits, values)
    if "unit" in known:
        known["unit"] = TextUnit(known["unit"])
    if "image_types" in known:
        known["image_types"] = tuple(known["image_types"])
    if known.get("image_ratio"):
        least, most = known["image_ratio"]
        known["image_ratio"] = (float(least), float(most))
    known["video"] = _within(usual.video, known.get("video"))
    known["poll"] = _within(usual.poll, known.get("poll"))
    return replace(usual, **known)


def _within(usual: P | None, values: Mapping[str, Any] | None) -> P | None:
    """None in the place of `values` is of a time when the adapter knew of no such thing."""
    if usual is None or not values:
        return usual
    known = _known(type(usual), values)
    if "types" in known:
        known["types"] = tuple(known["types"])
    return replace(usual, **known)


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    return {one.name: values[one.name] for one in fields(kind) if one.name in values}


class Deed(StrEnum):
    """What is asked of a platform, as far as it is counted there."""

    PUBLISH = "publish"
    UPLOAD = "upload"  # one picture
    READ = "read"
    ITEM = "item"  # one of the things that a reading brought
    MODERATE = "moderate"  # hiding, deleting or blocking what came in


@dataclass(frozen=True, slots=True)
class Rate:
    """So many units in so many seconds, and what each deed takes of them."""

    name: str  # for people, after a number: 'requests'
    units: int
    per_s: int
    costs: Mapping[Deed, int]
    shared: bool = False  # by all our accounts on one server, not each its own


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a server says is left: `left` of `limit`, until `resets_in_s` seconds from now."""

    limit: int
    left: int
    resets_in_s: float


# --- connecting ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SecretPart:
    """One of several texts that make up a secret; pasted by a person, each into its own field."""

    key: str  # 'api_key'
    label: str  # what it is called there


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """What a platform knows Socialdesk by, registered there once for the installation."""

    client_id: str
    client_secret: str = field(default="", repr=False)  # '' for a public client


@dataclass(frozen=True, slots=True)
class LongLived:
    """How a short-lived token is changed for one that lives for weeks, by a GET."""

    path: str
    grant_type: str
    token_field: str
    with_client: bool = True  # the app's id and secret go along


class Proof(StrEnum):
    """How app credentials are proven before anybody connects an account."""

    ASKED = "asked"  # a token for the app itself, by GET as Meta has it
    POSTED = "posted"  # a token for the app itself, by POST (RFC 6749, 4.4)
    CODE = "code"  # a made-up code is refused for the code's sake, not for the app's
    PUSHED = "pushed"  # what is asked of a person is pushed ahead (RFC 9126), and nobody sent there


@dataclass(frozen=True, slots=True)
class OAuth:
    """How a person lets Socialdesk act for an account in the browser (OAuth 2, RFC 6749).

    Paths begin with '/' where they are on the platform's API server, which can be another one
    (see `platforms.hosts`). `refresh`: how a token is renewed: 'refresh_token' as RFC 6749 has it,
    'long_lived' by asking for another long-lived token, '' not at all.
    """

    authorise_url: str
    token_path: str
    scopes: tuple[str, ...]
    app_help: str  # one sentence: where an administrator registers the app
    pkce: bool = False  # RFC 7636, S256
    separator: str = " "  # between scopes
    client_by_basic: bool = False  # the app names itself by HTTP Basic, not in the form
    refresh: str = ""
    revoke_path: str = ""
    revoke_method: str = "POST"
    long_lived: LongLived | None = None
    renewal: LongLived | None = None  # where renewing a long-lived token is another request
    lists_accounts: bool = False  # one sign-in speaks for several accounts; some are chosen
    app_of: str = ""  # the platform whose app this is, where two share one; '': its own
    site: str = ""  # where one signs in, when that is called otherwise than the platform
    public: bool = False  # an app without a secret will do
    uses: Mapping[str, str] = field(default_factory=dict, hash=False)  # scope: what lacks without
    granted_path: str = ""  # tells the scopes of a token, where nothing else does (Graph API)
    lives: timedelta | None = None  # a token that says no end of its own, at most
    agreed_for: timedelta | None = None  # then a person has to agree anew, whatever the tokens say
    console: str = ""  # where an administrator registers the app
    id_label: str = "Client ID"  # what it is called there
    secret_label: str = "Client secret"  # noqa: S105 - a label on a form
    review: str = ""  # what the platform wants to see before it lets everybody in
    proof: Proof = Proof.CODE
    registers: str = ""  # where Socialdesk registers itself with any server; '': a person does
    by_document: bool = False  # servers read about Socialdesk at its own address, and say their own

    @property
    def by_itself(self) -> bool:
        """Does nobody have to register anything?"""
        return bool(self.registers) or self.by_document

    @property
    def revokes(self) -> bool:
        """Can it be asked to take tokens back?"""
        return bool(self.revoke_path) or self.by_document


@dataclass(frozen=True, slots=True)
class PostAddress:
    """What the address of a post looks like there, as people paste it, and what it says of its id.

    `pattern` is of the whole address, without what follows '?' or '#'; '{server}' in it is the
    account's server. `remote_id` is a template of `re.Match.expand`.
    """

    pattern: str
    remote_id: str
    example: str

    def id_at(self, address: str, server: str) -> str:
        """The remote id of the post at this address, '' for what is no address of one."""
        plain = re.split(r"[?#]", address.strip(), maxsplit=1)[0].rstrip("/")
        pattern = self.pattern.replace("{server}", re.escape(server.rstrip("/")))
        found = re.fullmatch(pattern, plain)
        return found.expand(self.remote_id) if found else ""


@dataclass(frozen=True, slots=True)
class PlatformInfo:
    """What is true of a platform before any account is connected."""

    key: str  # 'bluesky'
    label: str  # 'Bluesky'
    limits: Limits  # the defaults; a server may declare others, see Adapter.limits
    features: frozenset[Feature]
    secret_label: str  # what the secret is called there: 'App password', 'Access token'
    secret_help: str  # one sentence: where a person gets it
    handle_help: str  # one sentence: what the handle looks like
    default_base_url: str  # '' when a person has to say which server
    asks_base_url: bool
    rates: tuple[Rate, ...] = ()  # what it takes of us; see scheduling.traffic
    secret_parts: tuple[SecretPart, ...] = ()  # when the secret is several texts; then JSON of them
    oauth: OAuth | None = None
    post_address: PostAddress | None = None  # where posts can be quoted
    revoke_help: str = ""  # one sentence: where a person takes back there what was given to us
    note: str = ""  # what cannot be done here yet, said where one connects an account
    moderation: Mapping[Feature, Measure] = field(default_factory=dict, hash=False)

    def measure(self, feature: Feature) -> Measure:
        """What comes of one of MODERATION here, or why it cannot be done."""
        lacking = f"{self.label} lets no program do this. Do it on {self.label} itself."
        return self.moderation.get(feature) or Measure(lacking)

    @property
    def site(self) -> str:
        """What the place is called where a person agrees."""
        return (self.oauth and self.oauth.site) or self.label

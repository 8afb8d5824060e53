"""A person settles a delivery in doubt: what the platform shows first, then the record.

Kept apart from the services, since nothing waits for a network inside a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher
from urllib.parse import urlsplit

from django.utils import timezone

from accounts.connections import open_account
from accounts.errors import Invalid
from audit.actions import NotAllowed
from audit.actors import Actor
from platforms.contract import OwnPost, PlatformError, Published
from scheduling.models import Delivery
from scheduling.services.deliveries import delivery_settle
from scheduling.states import State
from scheduling.transitions import may_move

SHOWN = 20
ALIKE = 0.85
"""From this likeness on two texts are called nearly the same."""
_COMPARED = 5_000
_SLACK = timedelta(minutes=5)
"""Clocks differ: what is this much older than the first attempt may still be its post."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One recent post of the account, held against what the delivery would say."""

    post: OwnPost
    alike: float  # 0 to 1
    since: bool  # it is not older than the first attempt

    @property
    def same(self) -> bool:
        return self.alike == 1.0

    @property
    def near(self) -> bool:
        return self.alike >= ALIKE

    @property
    def likely(self) -> bool:
        return self.near and self.since


def recent_posts(delivery: Delivery) -> list[OwnPost]:
    """What the account posted last, as the platform shows it now. Raises PlatformError.

    One request, guarded and limited in time as every request to the outside is.
    """
    return list(open_account(delivery.account).fetch_own_posts("").items)


def candidates(delivery: Delivery, posts: Sequence[OwnPost]) -> list[Candidate]:
    """The posts with how like they are, the likeliest first and then the newest."""
    first = delivery.attempts.order_by("pk").values_list("started_at", flat=True).first()
    start = (first or delivery.created_at) - _SLACK
    found = [
        Candidate(post, _likeness(delivery.text, post.text), post.posted_at >= start)
        for post in posts
    ]
    found.sort(key=lambda one: (one.likely, one.near, one.post.posted_at), reverse=True)
    return found[:SHOWN]


def settle_as_post(*, actor: Actor, delivery: Delivery, remote_id: str, note: str) -> Delivery:
    """It is this post of the account. Raises Invalid when the platform does not show it now."""
    _may_settle(actor, delivery)
    try:
        posts = recent_posts(delivery)
    except PlatformError as error:
        raise Invalid("", f"It could not be looked up: {error.message} Try again.") from None
    post = next((one for one in posts if one.remote_id == remote_id), None)
    if post is None:
        raise Invalid("", "The account does not show this post any more. Look again.")
    return _published(actor, delivery, _of(post), note)


def settle_by_address(*, actor: Actor, delivery: Delivery, address: str, note: str) -> Delivery:
    """It is at this address. Raises Invalid for what is no address.

    Where the platform shows a post of the account there, its number is stored with it; otherwise
    the address alone, and then it cannot be taken down from here.
    """
    _may_settle(actor, delivery)
    if urlsplit(_plain(address)).scheme not in ("https", "http") or len(address) > 500:
        raise Invalid("address", "Paste the address of the post as it stands there.")
    try:
        posts = recent_posts(delivery)
    except PlatformError:
        posts = []
    post = next((one for one in posts if _plain(one.permalink) == _plain(address)), None)
    found = _of(post) if post else Published("", address, timezone.now())
    return _published(actor, delivery, found, note)


def settle_send_again(*, actor: Actor, delivery: Delivery, seen: bool, note: str) -> Delivery:
    """It did not go out: send it now. `seen`: the person says that they looked.

    Raises Invalid without that while a recent post says the same, or nobody can tell.
    """
    _may_settle(actor, delivery)
    if not seen:
        _refuse_unseen(delivery)
    return delivery_settle(
        actor=actor, delivery=delivery, went_out=False, send_again=True, note=note
    )


def settle_drop(*, actor: Actor, delivery: Delivery, note: str) -> Delivery:
    """It did not go out, and is not to."""
    return delivery_settle(actor=actor, delivery=delivery, went_out=False, note=note)


def _refuse_unseen(delivery: Delivery) -> None:
    ask = "If you have looked there and it is not this one, say so below and send it again."
    try:
        found = candidates(delivery, recent_posts(delivery))
    except PlatformError as error:
        raise Invalid(
            "seen", f"Nobody can tell whether it is there: {error.message} {ask}"
        ) from None
    if any(one.same for one in found):
        raise Invalid("seen", f"A recent post of this account says exactly the same. {ask}")


def _may_settle(actor: Actor, delivery: Delivery) -> None:
    """Asked before the platform is: nobody makes us look things up for them. Raises NotAllowed."""
    if delivery.state != State.UNKNOWN:
        raise Invalid("", f"What is {delivery.get_state_display().lower()} cannot be settled.")
    decision = may_move(actor, delivery, State.PUBLISHED)
    if not decision:
        raise NotAllowed(decision.reason, hidden=decision.hidden)


def _published(actor: Actor, delivery: Delivery, found: Published, note: str) -> Delivery:
    return delivery_settle(
        actor=actor,
        delivery=delivery,
        went_out=True,
        remote_id=found.remote_id,
        permalink=found.permalink,
        published_at=found.published_at,
        note=note,
    )


def _of(post: OwnPost) -> Published:
    return Published(post.remote_id, post.permalink, post.posted_at)


def _plain(address: str) -> str:
    """An address without what differs between two copies of it."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:  # half a bracket
        return ""
    return f"{parts.scheme.lower()}://{parts.netloc.lower()}{parts.path.rstrip('/')}"


def _likeness(ours: str, theirs: str) -> float:
    one, other = (" ".join(text.split()).casefold()[:_COMPARED] for text in (ours, theirs))
    if one == other:
        return 1.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    # The exact ratio is slow, and only wanted where the quick bound leaves it open.
    return min(0.99, matcher.ratio()) if matcher.quick_ratio() >= ALIKE else matcher.quick_ratio()

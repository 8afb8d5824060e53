"""Where alerts go: set up, changed, tried and removed by administrators."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.alerts import AlertKind
from accounts.connections import network_policy
from accounts.errors import Invalid
from accounts.levels import OrgCapability
from accounts.models import SocialAccount
from accounts.policy import organisation
from audit.actions import action, record
from audit.actors import Actor
from operations import events  # noqa: F401  # declares them
from operations.models import Channel, Destination, Message, MessageState
from operations.recipients import target_of
from platforms.addresses import AddressRefused, check_url

_SETTINGS = organisation(OrgCapability.SETTINGS)


@action("destination.added", needs=_SETTINGS)
def destination_add(
    *,
    actor: Actor,
    name: str,
    channel: Channel,
    address: str,
    kinds: Collection[str],
    accounts: Iterable[SocialAccount] = (),
) -> Destination:
    """Send alerts of these kinds there; no accounts means those of all. Raises Invalid."""
    place = Destination(channel=Channel(channel), created_by=actor.user)
    _set(place, name, kinds)
    _set_address(place, address)
    place.save()
    place.accounts.set(accounts)
    record("destination.added", subject=place, data=_told(place))
    return place


@action("destination.changed", needs=_SETTINGS)
def destination_change(
    *,
    actor: Actor,
    destination: Destination,
    name: str,
    address: str,
    kinds: Collection[str],
    accounts: Iterable[SocialAccount] = (),
) -> Destination:
    """Change what goes there; an empty address keeps the one that is sealed. Raises Invalid."""
    before = _told(destination)
    _set(destination, name, kinds)
    if address.strip():
        _set_address(destination, address)
    destination.save()
    destination.accounts.set(accounts)
    data = {"before": before, "after": _told(destination), "new_address": bool(address.strip())}
    record("destination.changed", subject=destination, data=data)
    return destination


@action("destination.removed", needs=_SETTINGS)
def destination_remove(*, actor: Actor, destination: Destination) -> None:
    """Forget the place and what was on its way there."""
    record("destination.removed", subject=destination, data=_told(destination))
    Message.objects.filter(target=target_of(destination)).delete()
    destination.delete()


@action("destination.tested", needs=_SETTINGS)
def destination_test(*, actor: Actor, destination: Destination) -> Message:
    """Send a test alert there, within seconds. Raises Invalid while one is on its way."""
    target = target_of(destination)
    open_tests = Message.objects.filter(target=target, is_test=True, state=MessageState.SENDING)
    if open_tests.exists():
        raise Invalid("", "A test alert is on its way already.")
    record("destination.tested", subject=destination)
    # Not among the waiting: those gather what there is to say, and this says only itself.
    return Message.objects.create(target=target, is_test=True, state=MessageState.SENDING)


def _set(place: Destination, name: str, kinds: Collection[str]) -> None:
    if not name.strip():
        raise Invalid("name", "Give it a name, for example ‘Duty press officer’.")
    if not kinds:
        raise Invalid("kinds", "Choose at least one kind of alert.")
    place.name = name.strip()
    place.kinds = [kind.value for kind in AlertKind if kind in kinds]


def _set_address(place: Destination, address: str) -> None:
    address = address.strip()
    if place.channel == Channel.EMAIL:
        try:
            validate_email(address)
        except ValidationError:
            raise Invalid("address", "Enter an e-mail address like name@example.org.") from None
        local, _, domain = address.rpartition("@")
        shown = f"{local[:1]}…@{domain}"
    else:
        try:
            check_url(address, network_policy())
        except AddressRefused as refused:
            raise Invalid("address", refused.reason) from None
        # The rest of a webhook's address is its secret.
        shown = f"{urlsplit(address).hostname}/…"
    place.address, place.shown = address, shown[:120]


def _told(place: Destination) -> dict[str, object]:
    """What the record may hold of it; never the address."""
    accounts = list(place.accounts.all()) if not place._state.adding else []
    return {
        "channel": place.channel,
        "shown": place.shown,
        "kinds": place.kinds,
        "accounts": accounts,
    }

"""Taking a published post down: the platform first, then the record."""

from __future__ import annotations

from accounts.connections import open_account
from accounts.errors import Invalid
from audit.actions import NotAllowed
from audit.actors import Actor
from platforms.contract import PlatformError
from scheduling.models import Delivery
from scheduling.services.deliveries import delivery_withdraw
from scheduling.states import State
from scheduling.transitions import may_move


def withdraw(*, actor: Actor, delivery: Delivery, reason: str) -> Delivery:
    """Delete it there, then say so here. Raises Invalid (nothing changed), NotAllowed.

    If we die between the two it still says published, and doing it again succeeds.
    """
    decision = may_move(actor, delivery, State.WITHDRAWN)
    if not decision:
        raise NotAllowed(decision.reason, hidden=decision.hidden)
    if not reason.strip():
        raise Invalid("reason", "Say why it is taken down; it goes on record.")
    if not delivery.remote_id:
        raise Invalid(
            "",
            "Its address is known and not its number there, so it cannot be taken down from here. "
            f"Take it down on {delivery.account.info.label}.",
        )
    try:
        adapter = open_account(delivery.account)
        for remote_id in reversed([delivery.remote_id, *delivery.remote_parts]):
            adapter.delete(remote_id)  # the last first, so that a thread never hangs in the air
    except PlatformError as error:
        raise Invalid(
            "", f"{delivery.account.display_name} did not take it down: {error.message} Try again."
        ) from None
    return delivery_withdraw(actor=actor, delivery=delivery, reason=reason)

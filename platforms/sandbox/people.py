"""Strangers: people without an access token, for whom anybody may speak."""

from __future__ import annotations

from platforms.sandbox.records import Account, NotAllowed
from platforms.sandbox.store import Store


def speaker(store: Store, handle: str, display_name: str) -> Account:
    """The person with this handle, made when new; raises NotAllowed for official accounts."""
    handle = handle.strip().removeprefix("@").lower()
    known = store.accounts.by_handle(handle)
    if known is None:
        return store.accounts.create(handle=handle, display_name=display_name or handle)
    if known.official:
        raise NotAllowed(
            "official_account",
            f"@{handle} is an official account; only its own people can post as it.",
            status=403,
            field="handle",
        )
    return known

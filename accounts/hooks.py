"""What rooms above may listen to, since nothing in here may call them."""

from __future__ import annotations

from django.dispatch import Signal

rights_changed = Signal()
"""Sent inside the transaction when somebody may have lost the right to something that is queued.

Arguments: `actor` (Actor), `account` (SocialAccount or None: all), `user` (User or None: all),
`reason` (a sentence)."""

"""What rooms above may listen to, since nothing in here may call them."""

from __future__ import annotations

from django.dispatch import Signal

person_left = Signal()
"""Sent inside the transaction when a person's access is closed, after `rights_changed`.

Arguments: `actor` (Actor), `user` (User). A receiver ends what is the person's in its room and
answers with what that was, for the one event: {"conversations": 3}."""
rights_changed = Signal()
"""Sent inside the transaction when somebody may have lost the right to something that is queued.

Arguments: `actor` (Actor), `account` (SocialAccount or None: all), `user` (User or None: all),
`reason` (a sentence). A receiver may answer as to `person_left`."""

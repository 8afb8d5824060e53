"""What taking mentions in says."""

from __future__ import annotations


class NothingNew(Exception):  # an answer, not a fault
    """Everything in the page is here already, so nothing was changed and nothing is recorded."""

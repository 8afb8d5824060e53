"""The one error of this package."""

from __future__ import annotations


class LauncherError(Exception):
    """Something a person has to know about; the message says what happened and what to do."""

"""The reference part of the docs, written from the code's own tables.

`manage.py generate_docs` writes the pages; `--check` says which of them are stale.
"""

from __future__ import annotations

from collections.abc import Callable

from socialdesk.reference.commands import commands_page
from socialdesk.reference.outside import events_page, platforms_page
from socialdesk.reference.tables import (
    addresses_page,
    levels_page,
    settings_page,
    states_page,
)

PAGES: dict[str, Callable[[], str]] = {
    "addresses.md": addresses_page,
    "commands.md": commands_page,
    "events.md": events_page,
    "levels.md": levels_page,
    "platforms.md": platforms_page,
    "settings.md": settings_page,
    "states.md": states_page,
}
"""File name in docs/reference/ to what writes it."""

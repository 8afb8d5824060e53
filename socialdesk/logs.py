"""What no line of the log may hold, whoever writes it."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

_SECRETS_IN_PATHS = re.compile(r"(/join/|/reset/key/|/fetch/)[^/\s]+")


def without_secrets(text: str) -> str:
    """A path, or words with a path in them, less the tokens that open what they name."""
    return _SECRETS_IN_PATHS.sub(r"\1…", text)


def mask_paths(_: Any, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The same for a whole line: Django names the path itself when it refuses a request."""
    line["event"] = without_secrets(str(line.get("event", "")))
    return line

"""What the launcher writes on the terminal: its own words, and each program's lines by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

_COLOURS = {
    "setup": 37,
    "web": 36,
    "worker": 32,
    "publish-1": 32,
    "publish-2": 32,
    "beat": 35,
    "sandbox": 33,
    "socialdesk": 34,
}
_WIDTH = max(map(len, _COLOURS))
# Log lines hold text from strangers; a terminal obeys control characters.
_TAME = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}


class TerminalGone(Exception):
    """Nobody reads what is written any more: time to stop, as when a window is closed."""


class Console:
    """Writes whole lines, coloured where a person looks at them (NO_COLOR is respected)."""

    def __init__(self, stream: TextIO | None = None, env: Mapping[str, str] = os.environ) -> None:
        self._stream = stream or sys.stdout
        self._gone = False
        self._coloured = bool(env.get("FORCE_COLOR")) or (
            self._stream.isatty() and not env.get("NO_COLOR") and env.get("TERM") != "dumb"
        )

    def _paint(self, text: str, code: int) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._coloured else text

    def _write(self, text: str) -> None:
        if self._gone:
            return
        try:
            self._stream.write(text + "\n")
            self._stream.flush()
        except OSError as error:
            self._gone = True  # said once, so that stopping is not interrupted by it again
            raise TerminalGone from error

    def line(self, name: str, text: str) -> None:
        """One line of the program `name`."""
        prefix = self._paint(f"{name:<{_WIDTH}} │", _COLOURS.get(name, 37))
        self._write(f"{prefix} {text.translate(_TAME)}")

    def say(self, text: str) -> None:
        """A line of the launcher itself."""
        self.line("socialdesk", text)

    def plain(self, text: str, *, strong: bool = False) -> None:
        """A line without a name before it; `text` is the launcher's own."""
        self._write(self._paint(text, 1) if strong else text)

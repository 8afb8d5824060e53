"""Settings from the environment: typed, documented, and loud when something is wrong.

Each value may also come from a file named by NAME_FILE (as container secrets do).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from platforms.contract import Proxy
from platforms.proxy import proxy_from

PREFIX = "SOCIALDESK_"


class EnvError(Exception):
    """The environment cannot be used; the message says which name and what to do."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One setting, for the generated reference."""

    name: str
    kind: str
    default: str
    help: str
    required: bool = False


class Env:
    """Reads one environment; remembers what was declared and which values were wrong."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self._source = source
        self.declared: list[Declared] = []

    def _raw(self, name: str, kind: str, default: object, help: str, shown: str = "") -> str | None:
        words = shown or ("" if default is None else str(default))
        self.declared.append(Declared(name, kind, words, help, required=default is None))
        direct, file = self._source.get(name), self._source.get(f"{name}_FILE")
        if direct and file:
            raise EnvError(f"Both {name} and {name}_FILE are set. Keep one of them.")
        if file:
            try:
                return Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise EnvError(
                    f"{name}_FILE names {file!r}, which cannot be read: {error.strerror}."
                ) from error
        return direct

    def text(self, name: str, default: str | None, help: str, *, shown: str = "") -> str:
        """A string; required when `default` is None. Raises EnvError.

        `shown`: the default in words, where its value differs from machine to machine.
        """
        value = self._raw(name, "text", default, help, shown)
        if value:
            return value
        if default is None:
            raise EnvError(f"{name} is not set. {help}")
        return default

    def flag(self, name: str, default: bool, help: str, *, shown: str = "") -> bool:
        """A yes or no. Raises EnvError on any other word."""
        value = self._raw(name, "yes/no", "yes" if default else "no", help, shown)
        if not value:
            return default
        if value.lower() in {"1", "true", "yes", "on"}:
            return True
        if value.lower() in {"0", "false", "no", "off"}:
            return False
        raise EnvError(f"{name} is {value!r}; write yes or no.")

    def integer(self, name: str, default: int, help: str, *, at_least: int = 0) -> int:
        """A whole number of `at_least` or more. Raises EnvError."""
        value = self._raw(name, "number", default, help)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise EnvError(f"{name} is {value!r}; write a whole number.") from None
        if number < at_least:
            raise EnvError(f"{name} is {number}; it must be {at_least} or more.")
        return number

    def items(
        self, name: str, default: tuple[str, ...] | None, help: str, *, shown: str = ""
    ) -> list[str]:
        """Comma-separated words; required when `default` is None. Raises EnvError."""
        words = None if default is None else ",".join(default)
        value = self._raw(name, "list", words, help, shown)
        found = [item.strip() for item in (value or "").split(",") if item.strip()]
        if found:
            return found
        if default is None:
            raise EnvError(f"{name} is not set. {help}")
        return [] if value else list(default)

    def database(self, name: str, help: str) -> dict[str, object]:
        """A PostgreSQL URL as a Django DATABASES entry. Raises EnvError."""
        value = self._raw(name, "postgresql://", None, help)
        if not value:
            raise EnvError(f"{name} is not set. {help}")
        parts = urlsplit(value)
        if parts.scheme not in {"postgres", "postgresql"}:
            raise EnvError(f"{name} must start with postgresql://; Socialdesk runs on PostgreSQL.")
        options: dict[str, object] = dict(parse_qsl(parts.query))
        host = str(options.pop("host", "")) or unquote(parts.hostname or "")
        try:
            port = str(options.pop("port", "")) or str(parts.port or "")
        except ValueError:
            raise EnvError(f"{name} has a port that is no number.") from None
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": unquote(parts.path.lstrip("/")) or "socialdesk",
            "USER": unquote(parts.username or ""),
            "PASSWORD": unquote(parts.password or ""),
            "HOST": host,
            "PORT": port,
            "OPTIONS": options,
        }

    def proxy(self, name: str, help: str) -> Proxy | None:
        """An HTTP proxy; None where none is named. Raises EnvError."""
        value = self._raw(name, "http://", "", help)
        try:
            return proxy_from(value) if value else None
        except ValueError as wrong:
            raise EnvError(f"{name} is no proxy: {wrong}.") from None

    def refuse_unknown(self) -> None:
        """Raise EnvError on a SOCIALDESK_ name that nothing reads: most likely a typing error."""
        known = {item.name for item in self.declared}
        known |= {f"{name}_FILE" for name in known}
        strange = sorted(n for n in self._source if n.startswith(PREFIX) and n not in known)
        if strange:
            raise EnvError(
                f"{', '.join(strange)}: no such setting. docs/reference/settings.md lists them all."
            )


def host_env() -> Env:
    """The process's own environment."""
    return Env(os.environ)

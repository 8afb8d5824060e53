"""What `manage.py check` says of the platforms that are installed as packages."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Warning, register

from platforms.registry import plugin_problems


@register()
def installed_platforms(**_: Any) -> list[CheckMessage]:
    """A warning for each plug-in that was left out; an error would stop the rest."""
    return [
        Warning(
            f"The platform {problem.key!r} of {problem.source} is left out. {problem.why}",
            hint="See docs/how-to/write-a-platform.md.",
            id="accounts.W001",
        )
        for problem in plugin_problems()
    ]

"""PostgreSQL refuses root, and users without a name. This finds a way to run it as another."""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from socialdesk.launcher.errors import LauncherError
from socialdesk.launcher.processes import LINUX, run

NOBODY = 65534  # the kernel's overflow id: exists everywhere, owns nothing


@dataclass(frozen=True, slots=True)
class Demotion:
    """Words to put before a command; `owner` is who must own its files (None: ourselves)."""

    prefix: tuple[str, ...]
    owner: int | None

    def hand_over(self, path: Path) -> None:
        """Give `path`, and what is in it, to the user the command will run as."""
        if self.owner is None or path.stat().st_uid == self.owner:
            return
        os.chown(path, self.owner, self.owner)
        if path.is_dir():
            for folder, folders, files in os.walk(path):
                for name in folders + files:
                    os.chown(Path(folder) / name, self.owner, self.owner, follow_symlinks=False)


def demotion(death_signal: str) -> Demotion:
    """How to run a command as an ordinary user; nothing to do for whoever is one already.

    The signal a child gets when its parent dies is lost when it changes its user, so `setpriv`
    asks for it again (`death_signal`: "INT", "TERM", or "clear" for none).
    Raises LauncherError when no way works here.
    """
    user = os.geteuid()
    if user != 0 and _is_known(user):
        return Demotion((), None)
    for way in _ways(user, death_signal):
        if run([*way.prefix, "true"]).returncode == 0:
            return way
    who = "as root" if user == 0 else f"as user {user}, who has no entry in the user database"
    raise LauncherError(
        f"PostgreSQL does not run {who}, and this machine offers no way to run it as somebody "
        "else (util-linux with unshare or setpriv is missing or not allowed).\n"
        "Start Socialdesk as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def _ways(user: int, death_signal: str) -> Iterator[Demotion]:
    setpriv, unshare = shutil.which("setpriv"), shutil.which("unshare")
    again = (setpriv, "--pdeathsig", death_signal) if setpriv and LINUX else ()
    if unshare:
        # A namespace in which we are nobody: files are our own, seen from outside.
        # Containers often forbid it.
        inside = (unshare, "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
        yield Demotion((*inside, *again), user)
        yield Demotion(inside, user)
    if setpriv and user == 0:
        # The project may lie below /root, where nobody may not look; hence the one capability.
        become = (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        see = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        yield Demotion((*become, *see, *again), NOBODY)
        yield Demotion((*become, *again), NOBODY)

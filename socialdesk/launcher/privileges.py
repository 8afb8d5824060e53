"""PostgreSQL refuses to run as root. This finds a way to run it as somebody else."""

from __future__ import annotations

import os
import shutil
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
    if os.geteuid() != 0:
        return Demotion((), None)
    setpriv = shutil.which("setpriv")
    unshare = shutil.which("unshare")
    again = (setpriv, "--pdeathsig", death_signal) if setpriv and LINUX else ()
    ways = []
    if unshare:
        # A namespace in which root is nobody: files are root's own, seen from outside.
        # Containers often forbid it.
        inside = (unshare, "-U", f"--map-user={NOBODY}", f"--map-group={NOBODY}")
        ways += [Demotion((*inside, *again), 0), Demotion(inside, 0)]
    if setpriv:
        # The project may lie below /root, where nobody may not look; hence the one capability.
        become = (setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
        see = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        ways.append(Demotion((*become, *see, *again), NOBODY))
        ways.append(Demotion((*become, *again), NOBODY))
    for way in ways:
        if run([*way.prefix, "true"]).returncode == 0:
            return way
    raise LauncherError(
        "PostgreSQL does not run as root, and this machine offers no way to run it as somebody "
        "else (util-linux with unshare or setpriv is missing or not allowed).\n"
        "Start Socialdesk as an ordinary user, or set DATABASE_URL to a PostgreSQL server."
    )

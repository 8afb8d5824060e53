"""Where everything the launcher keeps lies, below one data folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Layout:
    """The folders of one installation; `root` is SOCIALDESK_DATA_DIR, `var/` by default."""

    root: Path

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def run(self) -> Path:
        """Process records, ports and stamps: worth nothing once the machine has restarted."""
        return self.root / "run"

    @property
    def logs(self) -> Path:
        return self.root / "log"

    @property
    def postgres(self) -> Path:
        """One folder a major version: a newer server cannot read an older one's files."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def sandbox(self) -> Path:
        return self.root / "sandbox"

    def make(self) -> None:
        """Create the folders, the private ones readable by their owner alone."""
        self.root.mkdir(parents=True, exist_ok=True)
        for private in (self.secrets, self.run, self.logs, self.valkey):
            private.mkdir(mode=0o700, exist_ok=True)
            private.chmod(0o700)


def host_layout() -> Layout:
    """The layout of this working copy, or of SOCIALDESK_DATA_DIR where that is set."""
    return Layout(Path(os.environ.get("SOCIALDESK_DATA_DIR") or PROJECT / "var").resolve())

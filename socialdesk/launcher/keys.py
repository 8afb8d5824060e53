"""Secrets made on the first start and kept: one file each, readable by its owner alone."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path


def secret_key() -> str:
    """A new Django secret key: 64 random characters."""
    return secrets.token_urlsafe(48)


def credential_key() -> str:
    """A new Fernet key: 32 random bytes in URL-safe base64."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


def record_key() -> str:
    """A new key for the record's checkpoints: a name of its own, and the seed of an Ed25519 key."""
    seed = base64.b64encode(os.urandom(32)).decode()
    return f"socialdesk-{secrets.token_hex(4)}:{seed}"


def password() -> str:
    """A new server password that needs no escaping in a URL."""
    return secrets.token_hex(24)


MAKERS = {
    "secret_key": secret_key,
    "credential_keys": credential_key,
    "record_keys": record_key,
    "postgres_password": password,
    "postgres_admin_password": password,
    "valkey_password": password,
}


def kept(folder: Path, name: str) -> str:
    """The secret `name` (one of MAKERS) from `folder`, made now if it was never made."""
    path = folder / name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    value = MAKERS[name]()
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(value + "\n")
    part.replace(path)  # a secret is either whole or absent, also after a power cut in between
    return value


if __name__ == "__main__":  # `make key`, `make record-key`: need nothing installed
    sys.stdout.write((record_key() if sys.argv[1:] == ["record"] else credential_key()) + "\n")

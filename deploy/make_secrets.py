#!/usr/bin/env python3
"""Makes the secrets that docker-compose.yml mounts, once; those that are there stay as they are.

Standard library only: runs on the server, where nothing but Docker and Python need be installed.
"""

from __future__ import annotations

import base64
import os
import secrets
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "secrets"


def keep(name: str, value: str) -> str:
    """The secret `name`: what its file says, else `value`, written now."""
    path = FOLDER / name
    if path.exists():
        return path.read_text(encoding="ascii").strip()
    # Readable by all inside a folder only its owner may enter: Docker shows the file with its
    # owner's number, and the containers run as others.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o444), "w") as file:
        file.write(value + "\n")
    path.chmod(0o444)
    sys.stdout.write(f"made deploy/secrets/{name}\n")
    return value


def main() -> None:
    """Make what is missing."""
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    FOLDER.chmod(0o700)
    keep("secret_key", secrets.token_urlsafe(48))
    keep("credential_keys", base64.urlsafe_b64encode(os.urandom(32)).decode())
    seed = base64.b64encode(os.urandom(32)).decode()
    keep("record_keys", f"socialdesk-{secrets.token_hex(4)}:{seed}")
    keep("database_admin_password", secrets.token_hex(24))
    database = keep("database_password", secrets.token_hex(24))
    keep("database_url", f"postgresql://socialdesk:{database}@postgres:5432/socialdesk")
    redis = keep("redis_password", secrets.token_hex(24))
    keep("redis_url", f"redis://:{redis}@redis:6379/0")
    keep("email_url", "")
    sys.stdout.write(
        "Keep a copy of deploy/secrets/credential_keys elsewhere: without it the connected "
        "accounts' credentials cannot be read.\n"
        "Note the record's public key as soon as Socialdesk runs: docker compose exec web python "
        "manage.py audit_keys. Keep it where the server's administrators cannot change it.\n"
        "Write your mail server into deploy/secrets/email_url: smtp://user:password@host:587\n"
    )


if __name__ == "__main__":
    main()

"""The Sandbox's own code behind the tests' server, so that it can be made to fail on the wire."""

from __future__ import annotations

import shutil
import tempfile
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

from platforms.sandbox.network import EXTENSION, Network
from platforms.sandbox.records import TEXT_MAX
from platforms.sandbox.site import create_app

from .server import Asked, FakeServer, Reply

HANDLE = "northmoor_council"
STRANGER = "asha"


class SandboxServer(FakeServer):
    """Nothing is imitated: requests go to the real application."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="sandbox-world-"))
        self.app = create_app(self._directory)
        network: Network = self.app.extensions[EXTENSION]
        self.store = network.store
        self.account = self.store.accounts.create(
            handle=HANDLE, display_name="The Council", official=True
        )
        self.token = self.store.accounts.token_create(self.account)
        self.stranger = self.store.accounts.create(handle=STRANGER, display_name="A \u202eStranger")
        self._raw: dict[str, str] = {}  # what a server that cleans nothing would say, by post id
        super().__init__()

    def say(self, text: str, *, at: datetime | None = None, reply_to: str = "") -> str:
        """The stranger says this to the account, even if it is not named or no text; the id."""
        post, _ = self.store.posts.create(
            self.stranger,
            text if 0 < len(text) <= TEXT_MAX else "stands for another text",
            in_reply_to=int(reply_to) if reply_to else None,
            now=at,
        )
        if post.text != text:
            self._raw[str(post.id)] = text
        with self.store.database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO notices (account_id, post_id, kind)"
                " VALUES (?, ?, 'mention')",
                (self.account.id, post.id),
            )
        return str(post.id)

    def route(self, asked: Asked) -> Reply:
        answer = self.app.test_client().open(
            asked.path,
            method=asked.method,
            query_string=urlencode(asked.query, doseq=True),
            headers={k: v for k, v in asked.headers.items() if k != "content-length"},
            data=asked.body,
        )
        told = answer.get_json(silent=True)
        for row in told.get("items", []) if isinstance(told, dict) else []:
            row["text"] = self._raw.get(row["id"], row["text"])
        headers = {k: v for k, v in answer.headers.items() if k == "Retry-After"}
        if answer.status_code == 204:
            return Reply(204, None, b"", headers)
        return Reply(answer.status_code, told, None if told is not None else answer.data, headers)

    def close(self) -> None:
        super().close()
        self.store.close()
        shutil.rmtree(self._directory, ignore_errors=True)  # a test may have closed it already

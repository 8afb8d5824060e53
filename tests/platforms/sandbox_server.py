"""The Sandbox's own code behind the tests' server, so that it can be made to fail on the wire."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from platforms.sandbox.network import EXTENSION, Network
from platforms.sandbox.site import create_app

from .server import Asked, FakeServer, Reply

HANDLE = "northmoor_fire"
STRANGER = "asha"


class SandboxServer(FakeServer):
    """Nothing is imitated: requests go to the real application."""

    def __init__(self) -> None:
        self._directory = Path(tempfile.mkdtemp(prefix="sandbox-world-"))
        self.app = create_app(self._directory)
        network: Network = self.app.extensions[EXTENSION]
        self.store = network.store
        self.account = self.store.accounts.create(
            handle=HANDLE, display_name="Northmoor Fire", official=True
        )
        self.token = self.store.accounts.token_create(self.account)
        self.stranger = self.store.accounts.create(handle=STRANGER, display_name="Asha Patel")
        super().__init__()

    def route(self, asked: Asked) -> Reply:
        answer = self.app.test_client().open(
            asked.path,
            method=asked.method,
            query_string=urlencode(asked.query, doseq=True),
            headers={k: v for k, v in asked.headers.items() if k != "content-length"},
            data=asked.body,
        )
        told = answer.get_json(silent=True)
        headers = {k: v for k, v in answer.headers.items() if k == "Retry-After"}
        if answer.status_code == 204:
            return Reply(204, None, b"", headers)
        return Reply(answer.status_code, told, None if told is not None else answer.data, headers)

    def close(self) -> None:
        super().close()
        self.store.close()
        shutil.rmtree(self._directory)

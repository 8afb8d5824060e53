"""How much anybody may send at all, before a byte of it is kept."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

_AROUND = 2_000_000
"""Bytes of fields and boundaries beside the file."""


class Bounded(FileUploadHandler):
    """Refuses a form that is larger than the largest file; keeps nothing itself."""

    def handle_raw_input(
        self,
        input_data: Any,
        META: dict[str, Any],
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        most = max(settings.UPLOAD_MAX_BYTES, settings.VIDEO_MAX_BYTES) + _AROUND
        if content_length > most:
            raise RequestDataTooBig("More was sent than any file may have.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        return None

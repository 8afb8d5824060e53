"""Uploads in a bucket, of which a reader is sent only what it asks for."""

from __future__ import annotations

from collections.abc import Iterator

from storages.backends.s3 import S3Storage


class Bucket(S3Storage):  # type: ignore[misc]  # it has no types
    """django-storages reads a whole object into a file of its own, whatever is wanted of it."""

    def pieces(self, name: str, start: int, end: int, at_most: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`, so many at once. Raises OSError."""
        with self.open(name) as opened:
            asked = opened.obj.get(Range=f"bytes={start}-{end - 1}")
            yield from asked["Body"].iter_chunks(at_most)

"""Where uploads lie: a folder of this machine, or a bucket that nobody but Socialdesk reads."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from socialdesk.env import EnvError


def media_storage(place: str, access_key: str, secret_key: str) -> dict[str, Any]:
    """The `default` of Django's STORAGES for '' or 's3://bucket/prefix?endpoint=…&region=…'.

    Files are private and are handed out by Socialdesk alone. Raises EnvError.
    """
    if not place:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    parts = urlsplit(place)
    if parts.scheme != "s3" or not parts.netloc:
        raise EnvError("SOCIALDESK_MEDIA_STORAGE must be of the form s3://bucket/prefix?region=…")
    from botocore.config import Config  # here, since few have a bucket, and it is large

    asked = dict(parse_qsl(parts.query))
    return {
        "BACKEND": "socialdesk.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": parts.path.strip("/"),
            "endpoint_url": asked.get("endpoint"),
            "region_name": asked.get("region", "us-east-1"),
            "access_key": access_key or None,
            "secret_key": secret_key or None,
            "default_acl": None,  # the bucket's own: private
            "file_overwrite": False,
            "client_config": Config(
                connect_timeout=5, read_timeout=20, retries={"total_max_attempts": 3}
            ),
        },
    }

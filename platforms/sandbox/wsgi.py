"""The application as gunicorn loads it; `python -m platforms.sandbox` sets the environment."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from flask import Flask

from platforms.sandbox.site import create_app


def application() -> Flask:
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
    return create_app(
        Path(os.environ["SANDBOX_DATA"]),
        public_url=os.environ.get("SANDBOX_PUBLIC_URL", ""),
        hosts=os.environ["SANDBOX_HOSTS"].split(","),
    )

"""Fixtures for every test. PostgreSQL and Valkey come from the plugin tests/services.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client

from accounts.models import User
from tests.factories import UserFactory


def pytest_configure(config: pytest.Config) -> None:
    """Tests that commit end with a TRUNCATE, which the record's trigger refuses: lift it there."""
    plain = DatabaseOperations.sql_flush

    def sql_flush(self: Any, style: Any, tables: Any, **kwargs: Any) -> list[str]:
        switch = "ALTER TABLE audit_event {} TRIGGER audit_event_no_truncate"
        emptied = plain(self, style, tables, **kwargs)
        return [switch.format("DISABLE"), *emptied, switch.format("ENABLE")]

    DatabaseOperations.sql_flush = sql_flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _calm(settings: Any, tmp_path: Any) -> Iterator[None]:
    """No second factor unless a test asks for it; uploads go where the test's files go."""
    settings.REQUIRE_MFA = False
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    yield


@pytest.fixture
def sign_in(db: None) -> Callable[[User], Client]:
    """A client signed in as somebody."""

    def signed_in(user: User) -> Client:
        client = Client()
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
        return client

    return signed_in


@pytest.fixture
def administrator(db: None) -> User:
    return UserFactory(is_administrator=True)


@pytest.fixture
def auditor(db: None) -> User:
    return UserFactory(is_auditor=True)

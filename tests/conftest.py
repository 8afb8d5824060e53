"""Fixtures for every test. PostgreSQL and Valkey come from the plugin tests/services.py."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.core.management.commands import flush
from django.db.backends.postgresql.operations import DatabaseOperations
from django.test import Client
from xdist.scheduler import LoadFileScheduling

from accounts.models import SocialAccount, User
from tests.factories import CredentialFactory, SocialAccountFactory, UserFactory
from tests.platforms.sandbox_network import SandboxNetwork, running_sandbox

ACCEPTANCE = "tests/acceptance/"
MATRIX = "tests/rights/test_matrix.py"
LONGEST = (ACCEPTANCE, f"{MATRIX} True", f"{MATRIX} False", "tests/operations/test_processes.py")

# Before pytest_configure, where hypothesis looks for the one that --hypothesis-profile names.
for _name, _examples in {"desk": 100, "long": 3_000}.items():
    hypothesis.settings.register_profile(
        _name,
        deadline=None,
        derandomize=_name == "desk",  # one commit, one verdict; the long run looks for news
        max_examples=_examples,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
hypothesis.settings.load_profile("desk")


def pytest_configure(config: pytest.Config) -> None:
    """Tests that commit end with an empty database. Django truncates all its hundred tables, which
    takes a second and is refused by the record's triggers; few of them hold anything.
    """

    def sql_flush(self: Any, style: Any, tables: Any, **kwargs: Any) -> list[str]:
        names = ", ".join(f"'{table}'" for table in tables if table not in _SAME)
        return [_EMPTY % {"tables": names, "kept": ", ".join(f"'{table}'" for table in _KEPT)}]

    DatabaseOperations.sql_flush = sql_flush  # type: ignore[method-assign]
    flush.emit_post_migrate_signal = lambda *_args, **_kwargs: None  # it fills the _SAME again


_SAME = frozenset({"auth_permission", "django_content_type"})
"""What every database of ours holds after its migrations, and no test changes."""
_KEPT = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_erasure")
"""Tables whose triggers let nobody delete or truncate."""
_EMPTY = """
DO $$
DECLARE
    name text;
    holds boolean;
    trigger text;
BEGIN
    FOREACH name IN ARRAY ARRAY[%(tables)s] LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %%I)', name) INTO holds;
        IF NOT holds THEN
            CONTINUE;
        ELSIF name = ANY(ARRAY[%(kept)s]) THEN
            EXECUTE format('ALTER TABLE %%I DISABLE TRIGGER USER', name);
            EXECUTE format('DELETE FROM %%I', name);
            FOR trigger IN SELECT tgname FROM pg_trigger
                WHERE tgrelid = name::regclass AND NOT tgisinternal LOOP
                EXECUTE format('ALTER TABLE %%I ENABLE ALWAYS TRIGGER %%I', name, trigger);
            END LOOP;
        ELSE
            EXECUTE format('DELETE FROM %%I', name);
        END IF;
    END LOOP;
END $$
"""


class _ByFile(LoadFileScheduling):
    """Files go to workers whole; those that share one running Socialdesk go to the same. The matrix
    of rights goes by the rooms of its addresses: each half is worth the world it is asked in."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file == MATRIX:
            return f"{file} {'[scheduling:' in nodeid or '[mentions:' in nodeid}"
        return ACCEPTANCE if file.startswith(ACCEPTANCE) else file

    def _assign_work_unit(self, node: Any) -> None:
        """The longest first: begun last, it would leave the other workers idle for minutes."""
        for scope in reversed(LONGEST):
            if scope in self.workqueue:
                self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return _ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def calm(media_root: Any) -> dict[str, Any]:
    """No second factor unless a test asks for it; uploads go where the test's files go."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    return {
        "REQUIRE_MFA": False,
        "MEDIA_ROOT": media_root,
        "WHITENOISE_AUTOREFRESH": True,  # else it looks for what collectstatic makes
        "STORAGES": {**settings.STORAGES, "staticfiles": plain},
    }


@pytest.fixture(scope="session", autouse=True)
def _static_root() -> None:
    """The live server looks there before the finders, and warns where there is nothing."""
    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _calm(settings: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in calm(tmp_path / "media").items():
        setattr(settings, name, value)
    # Nothing is known of the platforms' patience.
    monkeypatch.setattr("scheduling.traffic.store.namespace", uuid.uuid4().hex)
    monkeypatch.setattr("scheduling.traffic.learning._seen", {})


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


@pytest.fixture(scope="session")
def sandbox_network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxNetwork]:
    """The Sandbox as a process of its own, one for the whole run of a worker."""
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as network:
        yield network


@pytest.fixture
def sandbox(sandbox_network: SandboxNetwork, settings: Any) -> Iterator[SandboxNetwork]:
    """The Sandbox, allowed as a private host and on its best behaviour afterwards."""
    host = sandbox_network.url.removeprefix("http://")
    settings.ALLOW_PRIVATE_HOSTS = frozenset({host})
    settings.SANDBOX_URL = sandbox_network.url
    yield sandbox_network
    sandbox_network.behave()


@pytest.fixture
def new_sandbox_account(db: None, sandbox: SandboxNetwork) -> Callable[..., SocialAccount]:
    """Makes accounts that are connected to the running Sandbox."""

    def made(**fields: Any) -> SocialAccount:
        handle = f"official{next(_numbers)}"
        connection = sandbox.open_account(handle)
        account = SocialAccountFactory(
            base_url=connection.base_url,
            remote_id=connection.remote_id,
            handle=f"@{handle}",
            **fields,
        )
        CredentialFactory(account=account, secret=connection.secret)
        return account

    return made


@pytest.fixture
def sandbox_account(new_sandbox_account: Callable[..., SocialAccount]) -> SocialAccount:
    return new_sandbox_account()


_numbers = itertools.count(1)

"""The frame around every page: health, who acts from where, and the navigation."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import redis
from django.db import DatabaseError
from django.test import RequestFactory

from accounts.models import Team, User
from operations.hearts import Signs
from socialdesk.logs import mask_paths
from socialdesk.middleware import LogMiddleware, client_address
from tests.factories import SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db


def test_alive_without_asking_other_servers(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_database_and_broker_answer(client, monkeypatch):
    monkeypatch.setattr("operations.hearts.signs", lambda: Signs(True, tick_age_s=1.0))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "broker": "ok", "clock": "ok"}


@pytest.mark.parametrize(
    ("age", "words"), [(None, "has not ticked yet"), (95.2, "has not ticked for 95 s")]
)
def test_a_clock_that_stands_still_is_said_while_the_pages_work(client, monkeypatch, age, words):
    monkeypatch.setattr("operations.hearts.signs", lambda: Signs(True, tick_age_s=age))
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["clock"]) == ("degraded", words)


def test_not_ready_without_the_broker(client, monkeypatch):
    def gone(*_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr("redis.Redis.ping", gone)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["broker"] == "does not answer"


def test_not_ready_without_the_database_or_its_migrations(client, monkeypatch):
    class Waiting:
        def __init__(self, *_: object) -> None:
            self.loader = type("L", (), {"graph": type("G", (), {"leaf_nodes": list})})

        def migration_plan(self, _: object) -> list[int]:
            return [1, 2]

    monkeypatch.setattr("socialdesk.health.MigrationExecutor", Waiting)
    assert "2 migrations" in client.get("/readyz").json()["database"]

    def gone(*_: object) -> None:
        raise DatabaseError

    monkeypatch.setattr("socialdesk.health.MigrationExecutor", gone)
    assert client.get("/readyz").json()["database"] == "does not answer"


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "6.6.6.6", "127.0.0.1"),
        (1, "6.6.6.6, 192.0.2.7", "192.0.2.7"),
        (2, "6.6.6.6, 192.0.2.7, 10.0.0.1", "192.0.2.7"),
        (2, "192.0.2.7", "127.0.0.1"),
        (1, "", "127.0.0.1"),
    ],
)
def test_an_address_is_believed_only_as_far_as_our_proxies_vouch(
    settings, proxies, forwarded, address
):
    settings.PROXIES = proxies
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == address


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/people/join/sesame-open/", "GET /people/join/…/"),
        ("/auth/password/reset/key/1-sesame/", "GET /auth/password/reset/key/…/"),
        ("/search/?q=sesame", "GET /search/"),
    ],
)
def test_what_is_secret_in_an_address_is_not_logged(path, logged):
    assert LogMiddleware.format_request(RequestFactory().get(path)) == logged


def test_what_is_secret_in_an_address_is_not_in_what_django_says_of_it_either():
    line = mask_paths(None, "", {"event": "Not Found: /people/join/sesame-open/x (HEAD)"})
    assert line["event"] == "Not Found: /people/join/…/x (HEAD)"


def labels(client) -> list[str]:
    return [item["label"] for item in client.get("/calendar/").context["nav"]]


def test_the_navigation_has_only_what_one_may_open(sign_in):
    assert "People" not in labels(sign_in(UserFactory()))
    assert "People" in labels(sign_in(UserFactory(is_administrator=True)))


def test_new_post_is_offered_to_those_who_may_draft(sign_in):
    account, viewer, contributor = SocialAccountFactory(), UserFactory(), UserFactory()
    give(viewer, "viewer", account)
    give(contributor, "contributor", account)
    assert sign_in(viewer).get("/").context["nav_new"] is None
    assert sign_in(contributor).get("/").context["nav_new"]["url"] == "/posts/new/"


@pytest.mark.parametrize("change", [{"frozen_at": "2026-01-01T00:00Z"}, {"is_active": False}])
def test_who_is_stopped_is_out_at_the_next_click(sign_in, change):
    user = UserFactory()
    client = sign_in(user)
    assert client.get("/").status_code == 200
    User.objects.filter(pk=user.pk).update(**change)
    assert client.get("/").status_code == 302
    assert "/auth/" in client.get("/").url


def test_times_are_in_the_persons_own_zone(sign_in):
    user = UserFactory(time_zone="Pacific/Auckland")
    page = sign_in(user).get("/calendar/").content.decode()
    assert "Times in Auckland" in page


def test_a_page_runs_no_script_but_our_own(sign_in):
    policy = sign_in(UserFactory()).get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/people/options/?owner=%00Ann"), ("post", "/people/teams/new/")],
)
def test_nul_in_what_is_sent_is_taken_out(sign_in, method, path):
    client = sign_in(UserFactory(is_administrator=True))
    sent = {} if method == "get" else {"name": "Control\0 room", "purpose": "\0"}
    assert getattr(client, method)(path, sent or None).status_code in (200, 302)
    assert [t.name for t in Team.objects.all()] == (["Control room"] if sent else [])


@pytest.mark.parametrize("json", ["yes", "no"])
def test_a_fault_is_logged_with_its_place_and_not_with_what_variables_held(json):
    """Whatever writes the line, structlog or the standard library."""
    failing = (
        "import logging, django, structlog\n"
        "django.setup()\n"
        "def f(secret):\n"
        "    try: {}['x']\n"
        "    except KeyError:\n"
        "        logging.getLogger('library').error('one', exc_info=True)\n"
        "        structlog.get_logger('two').exception('two')\n"
        "f('canary-secret-5d1f')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", failing],
        env=os.environ
        | {"SOCIALDESK_LOG_JSON": json, "DJANGO_SETTINGS_MODULE": "socialdesk.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.count("KeyError: 'x'") == 2
    assert "canary" not in done.stderr

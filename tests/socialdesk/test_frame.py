"""The frame around every page: health, who acts from where, and the navigation."""

from __future__ import annotations

import pytest
import redis
from django.db import DatabaseError
from django.test import RequestFactory

from accounts.models import User
from socialdesk.middleware import LogMiddleware, client_address
from tests.factories import SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db


def test_alive_without_asking_other_servers(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/healthz").json() == {"status": "ok"}


def test_ready_when_database_and_broker_answer(client):
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "broker": "ok"}


def test_not_ready_without_the_broker(client, monkeypatch):
    def gone(*_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.get", gone)
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

"""Days on which something behind Socialdesk is gone: what a person sees, and that nothing leaks."""

from __future__ import annotations

import errno
from io import BytesIO

import psycopg
import pytest
import redis
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from PIL import Image

from accounts.levels import Level
from scheduling.models import Media
from socialdesk import health
from tests.factories import SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db
CANARY = "canary-of-the-fault"


@pytest.fixture
def officer(sign_in):
    user = UserFactory()
    give(user, Level.PUBLISHER, SocialAccountFactory())
    client: Client = sign_in(user)
    client.raise_request_exception = False
    return client


@pytest.fixture
def database_says(monkeypatch):
    """Lets every question to the database fail, as Django passes on what psycopg raises."""

    def failing(cause):
        def fail(*_):
            raise OperationalError(CANARY) from cause

        monkeypatch.setattr("django.db.backends.utils.CursorWrapper._execute", fail)

    return failing


@pytest.fixture
def redis_gone(monkeypatch):
    def gone(*_, **__):
        raise redis.ConnectionError(CANARY)

    monkeypatch.setattr("redis.connection.ConnectionPool.get_connection", gone)
    monkeypatch.setitem(health._seen, "until", 0.0)
    yield
    health._seen["until"] = 0.0


class TestTheDatabase:
    @pytest.mark.parametrize("path", ["/", "/held/", "/people/join/", "/auth/sign-in/x"])
    def test_it_is_gone(self, officer, database_says, path):
        database_says(psycopg.OperationalError("server closed the connection"))
        answer = officer.get(path)
        assert answer.status_code == 503
        page = answer.content.decode()
        assert "The database does not answer" in page
        assert "Nothing goes out twice" in page
        assert "Traceback" not in page
        assert CANARY not in page
        assert answer["Retry-After"] == "10"
        assert answer["Cache-Control"] == "no-store"

    def test_what_was_sent_is_not_said_to_be_saved(self, officer, database_says):
        database_says(psycopg.OperationalError("gone"))
        answer = officer.post("/posts/save/", {"text": "Bridge open"})
        assert answer.status_code == 503
        assert "most likely not saved" in answer.content.decode()

    def test_its_disk_is_full(self, officer, database_says):
        database_says(psycopg.errors.DiskFull("could not extend file"))
        answer = officer.get("/")
        assert answer.status_code == 503
        assert "There is no room left on the server’s disk" in answer.content.decode()

    def test_alive_all_the_same(self, client, database_says):
        database_says(psycopg.OperationalError("gone"))
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503


def test_a_fault_of_our_own_is_not_called_an_outage(officer, monkeypatch):
    def broken(*_, **__):
        raise ValueError(CANARY)

    monkeypatch.setattr("scheduling.selectors.held.held_page", broken)
    answer = officer.get("/held/")
    assert answer.status_code == 500
    assert CANARY not in answer.content.decode()
    assert "fault is on our side" in answer.content.decode()


class TestRedis:
    @pytest.mark.parametrize("path", ["/", "/held/", "/inbox/", "/inbox/live/", "/calendar/"])
    def test_pages_work_without_it_and_say_so(self, officer, redis_gone, path):
        answer = officer.get(path)
        assert answer.status_code in (200, 204)
        if answer.status_code == 200 and path != "/inbox/live/":
            assert "Redis does not answer" in answer.content.decode()

    def test_one_can_sign_in_without_it(self, client, redis_gone):
        UserFactory(email="anna@northmoor.example", password="correct-horse-battery")
        given = {"login": "anna@northmoor.example", "password": "correct-horse-battery"}
        answer = client.post("/auth/sign-in/", given)
        assert answer.status_code == 302
        assert answer["Location"] == "/"

    def test_and_is_locked_out_after_too_many_tries_all_the_same(self, client, redis_gone):
        UserFactory(email="anna@northmoor.example", password="correct-horse-battery")
        for _ in range(10):
            client.post("/auth/sign-in/", {"login": "anna@northmoor.example", "password": "x"})
        given = {"login": "anna@northmoor.example", "password": "correct-horse-battery"}
        assert client.post("/auth/sign-in/", given).status_code != 302

    def test_ready_says_no(self, client, redis_gone):
        assert client.get("/readyz").json()["broker"] == "does not answer"

    def test_it_is_asked_once_in_a_while_and_not_by_every_page(self, officer, monkeypatch):
        asked = []
        monkeypatch.setattr(health, "broker_answers", lambda: asked.append(1) or True)
        monkeypatch.setitem(health._seen, "until", 0.0)
        for _ in range(3):
            assert "Redis does not answer" not in officer.get("/").content.decode()
        assert len(asked) == 1


def test_a_picture_that_the_disk_has_no_room_for(officer, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, CANARY)

    monkeypatch.setattr(FileSystemStorage, "_save", full)
    drawn = BytesIO()
    Image.new("RGB", (40, 30)).save(drawn, "PNG")
    upload = SimpleUploadedFile("a.png", drawn.getvalue(), content_type="image/png")
    answer = officer.post("/media/upload/", {"file": upload})
    assert answer.status_code == 422
    assert "disk is full" in answer.json()["error"]
    assert CANARY not in answer.content.decode()
    assert not Media.objects.exists()

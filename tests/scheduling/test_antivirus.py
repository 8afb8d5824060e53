"""Uploads and clamd: clean is taken, infected is refused and on record, no answer is a no."""

from __future__ import annotations

import socketserver
import struct
import threading

import pytest
from django.urls import reverse

from audit.models import Event
from operations.models import Alert
from scheduling.models import Media
from tests.scheduling.files import picture, upload

pytestmark = pytest.mark.django_db
EICAR = b"made-up-infection"


class Clamd(socketserver.ThreadingTCPServer):
    daemon_threads = True
    answer: bytes | None = None  # instead of a true one

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        super().__init__(("127.0.0.1", 0), Scan)


class Scan(socketserver.StreamRequestHandler):
    server: Clamd

    def handle(self) -> None:
        assert self.rfile.read(10) == b"zINSTREAM\0"
        data = b""
        while size := struct.unpack("!I", self.rfile.read(4))[0]:
            data += self.rfile.read(size)
        self.server.seen.append(data)
        found = b"stream: Made-Up FOUND\0" if EICAR in data else b"stream: OK\0"
        self.wfile.write(found if self.server.answer is None else self.server.answer)


@pytest.fixture
def clamd(settings):
    with Clamd() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        settings.CLAMD = f"tcp://127.0.0.1:{server.server_address[1]}"
        yield server
        server.shutdown()
        thread.join()


def send(client, data: bytes):
    return client.post(reverse("scheduling:media_upload"), {"file": upload(data)})


def test_a_clean_file_is_taken_after_all_of_it_was_looked_at(clamd, desk, sign_in):
    data = picture("PNG", (300, 300))
    assert send(sign_in(desk.contributor), data).status_code == 200
    assert clamd.seen == [data]


def test_an_infected_one_is_refused_and_on_record(clamd, desk, sign_in):
    answer = send(sign_in(desk.contributor), picture("PNG") + EICAR)
    assert answer.status_code == 422
    assert "infected (Made-Up)" in answer.json()["error"]
    event = Event.objects.get(name="media.refused")
    assert event.data["infection"] == "Made-Up"
    assert event.actor_id == desk.contributor.pk
    assert not Media.objects.exists()


@pytest.mark.parametrize("said", [b"", b"INSTREAM size limit exceeded. ERROR\0", b"stream: what\0"])
def test_any_other_answer_is_a_no(clamd, desk, sign_in, said):
    clamd.answer = said
    answer = send(sign_in(desk.contributor), picture("PNG"))
    assert answer.status_code == 422
    assert "could not be checked" in answer.json()["error"]
    assert not Media.objects.exists()


def test_while_it_is_away_nothing_is_taken_and_people_are_told(settings, clamd, desk, sign_in):
    there, settings.CLAMD = settings.CLAMD, "tcp://127.0.0.1:1"
    client = sign_in(desk.contributor)
    for _ in range(2):
        assert send(client, picture("PNG")).status_code == 422
    assert Event.objects.filter(name="media.unchecked").count() == 2
    alert = Alert.objects.get(kind="antivirus")
    assert "does not answer" in alert.message
    settings.CLAMD = there
    assert send(client, picture("PNG")).status_code == 200
    alert.refresh_from_db()
    assert alert.settled_at is not None


def test_who_may_add_nothing_has_nothing_checked(clamd, desk, sign_in):
    assert send(sign_in(desk.viewer), picture("PNG")).status_code == 403
    assert not clamd.seen

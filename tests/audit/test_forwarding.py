"""The record goes on to syslog and to collectors: in the order of the seal, and nothing is lost."""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.utils import timezone

from audit import forwarding, syslog
from audit.actions import action, record
from audit.erasing import Because
from audit.forwarding import SENDERS, forward, name_of
from audit.management.commands.audit_seal import to_collector
from audit.models import Event, Forward, Leaf
from audit.sealing import seal
from audit.selectors.seal import seal_state, troubles
from audit.services.keeping import content_erase
from audit.services.reading import Allowed
from audit.syslog import NotTaken
from tests.factories import COMMAND

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("declared")]
HEAD = re.compile(
    r"<(?P<pri>\d+)>1 (?P<at>\S+) (?P<host>\S+) socialdesk - (?P<id>\S+) "
    r'\[meta sequenceId="(?P<seq>\d+)"\] (?P<text>.*)',
    re.DOTALL,
)


def live(*words):
    @action("test.done", needs=lambda *_: Allowed(True))
    def something(*, actor, word):
        record("test.done", data={"words": word})

    for word in words:
        something(actor=COMMAND, word=word)
    seal()


class Receiver:
    """A syslog receiver: reads to the end, keeps what it read, and hangs up."""

    def __init__(self, context=None, port=0, dies=False):
        self.taken: list[bytes] = []
        self.dies = dies
        self._context = context
        self._server = socket.create_server(("127.0.0.1", port))
        self.port = self._server.getsockname()[1]
        self._thread = Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                line, _ = self._server.accept()
            except OSError:
                return
            with line:
                line.settimeout(10)
                try:
                    self._take(line)
                except OSError:
                    continue

    def _take(self, line):
        if self.dies:
            line.recv(10)  # the rest is unread when it hangs up
            return
        if self._context is not None:
            line = self._context.wrap_socket(line, server_side=True)
        found = b""
        while piece := line.recv(65536):
            found += piece
        self.taken.append(found)
        line.close()

    def close(self):
        socket.socket.shutdown(self._server, socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    @property
    def messages(self):
        return [text for batch in self.taken for text in frames(batch)]

    @property
    def events(self):
        return [json.loads(HEAD.fullmatch(text)["text"]) for text in self.messages]


def frames(octets: bytes) -> list[str]:
    found = []
    while octets:
        length, _, rest = octets.partition(b" ")
        found.append(rest[: int(length)].decode("ascii"))
        assert len(found[-1]) == int(length), "cut off"
        octets = rest[int(length) :]
    return found


@pytest.fixture
def receiver():
    made = Receiver()
    yield made
    made.close()


def at(receiver, scheme="syslog+tcp"):
    return f"{scheme}://127.0.0.1:{receiver.port}"


def test_every_event_arrives_once_and_in_the_order_of_the_seal(receiver):
    live("a", "bé", "c\nd")
    place = at(receiver)
    assert not forward(place)
    live("e")
    forward(place)
    forward(place)
    events = receiver.events
    assert [one["place"] for one in events] == list(range(Leaf.objects.count()))
    assert [one["data"]["words"] for one in events if one["event"] == "test.done"] == [
        "a", "bé", "c\nd", "e",
    ]  # fmt: skip
    hashes_ = [bytes(h).hex() for h in Leaf.objects.order_by("index").values_list("hash", flat=1)]
    assert [one["hash"] for one in events] == hashes_
    assert Forward.objects.get().next_index == len(events)


def test_a_message_is_one_of_rfc_5424(receiver, settings):
    settings.BASE_URL = "https://desk.example.org"
    live("words")
    forward(at(receiver))
    (text,) = [m for m in receiver.messages if "test.done" in m]
    said = HEAD.fullmatch(text)
    event = Event.objects.get(name="test.done")
    assert (said["pri"], said["host"], said["id"]) == ("109", "desk.example.org", "test.done")
    assert datetime.fromisoformat(said["at"]) == event.occurred_at
    assert said["at"].endswith("Z")
    assert int(said["seq"]) == json.loads(said["text"])["place"] + 1


def test_a_refusal_is_a_warning_and_a_long_name_is_cut():
    event = {"time": "2026-11-26T01:00:00+01:00", "event": "e" * 40, "place": 2**31 - 1}
    said = HEAD.fullmatch(frames(syslog.message(event, host="desk.example.org", warning=True))[0])
    assert (said["pri"], said["id"], said["seq"]) == ("108", "e" * 32, "1")
    assert said["at"] == "2026-11-26T00:00:00.000000Z"


def test_what_was_recorded_while_the_receiver_was_away_comes_later_and_whole(receiver, settings):
    place = at(receiver)
    settings.FORWARD_TO = [place]
    live("before")
    forward(place)
    port, first = receiver.port, len(receiver.events)
    receiver.close()
    live("during")
    assert not forward(place)
    forward(place)  # left alone for a while
    (failing,) = Event.objects.filter(name="forwarding.failing")
    assert failing.data == {"place": place, "error": "127.0.0.1 did not take it: "
                            "ConnectionRefusedError."}  # fmt: skip
    (late,) = seal_state().late
    assert "wait for it" in troubles()["forwarding"]
    assert late.behind == Leaf.objects.count() - first
    again = Receiver(port=port)
    try:
        Forward.objects.update(tried_at=timezone.now() - timedelta(minutes=1))
        live("after")
        forward(place)
        assert [one["place"] for one in again.events] == list(range(first, Leaf.objects.count()))
    finally:
        again.close()
        receiver.close = lambda: None
    assert Event.objects.filter(name="forwarding.recovered").count() == 1
    assert troubles()["forwarding"] == ""
    assert seal_state().late == []


def test_a_receiver_that_dies_with_something_unread_has_taken_nothing(receiver):
    receiver.dies = True
    live("a" * 200_000)
    forward(at(receiver))
    state = Forward.objects.get()
    assert state.next_index == 0
    assert state.failing_since
    receiver.dies = False
    Forward.objects.update(tried_at=None)
    forward(at(receiver))
    assert [one["place"] for one in receiver.events] == list(range(state.next_index, 1))


def test_a_restart_of_ours_begins_where_the_database_says(receiver, monkeypatch):
    monkeypatch.setattr(forwarding, "BATCH", 2)
    live("a", "b", "c")
    place = at(receiver)
    assert forward(place)
    sent = forwarding.to_syslog

    def stopped(*given):
        sent(*given)
        raise KeyboardInterrupt  # it was taken, and we ended before we could write that down

    with pytest.raises(KeyboardInterrupt):
        forward(place, {"syslog+tcp": stopped})
    while forward(place):
        pass
    places = [one["place"] for one in receiver.events]
    assert places == [0, 1, 2, 2], "at least once, in order"


def test_one_process_at_a_time(receiver, monkeypatch):
    live("a")
    monkeypatch.setattr(forwarding, "_alone", lambda place: False)
    assert not forward(at(receiver))
    assert receiver.taken == []


# --- TLS ------------------------------------------------------------------------------------------


def certificate(folder, name):
    """The file of a certificate for 127.0.0.1 that vouches for itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    file, pem = folder / f"{name}.pem", serialization.Encoding.PEM
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, plain))
    locked = serialization.BestAvailableEncryption(b"a password")
    file.with_suffix(".locked").write_bytes(key.private_bytes(pem, form, locked))
    return str(file)


@pytest.fixture(scope="module")
def certified(tmp_path_factory):
    """A receiver's certificate, in a file, and a server's context with it."""
    file = certificate(tmp_path_factory.mktemp("tls"), "receiver")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return file, context


@pytest.fixture
def sealed(certified):
    made = Receiver(certified[1])
    yield made
    made.close()


def test_by_tls_to_a_receiver_whose_certificate_is_trusted(sealed, certified, settings):
    settings.FORWARD_CA = certified[0]
    live("a", "b")
    forward(at(sealed, "syslog+tls"))
    assert [one["place"] for one in sealed.events] == [0, 1]
    assert Forward.objects.get().failing_since is None


def test_and_to_no_other(sealed, settings):
    live("a")
    forward(at(sealed, "syslog+tls"))
    assert Forward.objects.get().error == "The certificate of 127.0.0.1 is not valid."
    assert sealed.taken == []


def test_a_file_of_certificates_that_is_not_there_is_said(sealed, settings):
    settings.FORWARD_CA = "/nowhere/ca.pem"
    live("a")
    forward(at(sealed, "syslog+tls"))
    assert "is not there" in Forward.objects.get().error


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("ours"), "desk")


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def asking(request, certified, ours, settings):
    """A receiver that speaks to nobody without the certificate it knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified[0])
    context.minimum_version = context.maximum_version = request.param
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ours)
    settings.FORWARD_CA = certified[0]
    made = Receiver(context)
    yield made
    made.close()


def test_a_receiver_that_wants_our_certificate_is_shown_it(asking, ours, settings):
    settings.FORWARD_CERTIFICATE = ours
    live("a", "b")
    forward(at(asking, "syslog+tls"))
    assert [one["place"] for one in asking.events] == [0, 1]
    assert Forward.objects.get().failing_since is None


def test_the_key_may_be_in_a_file_of_its_own(asking, ours, settings, tmp_path):
    whole = Path(ours).read_text()
    first, second = tmp_path / "desk.crt", tmp_path / "desk.key"
    cut = whole.index("-----BEGIN PRIVATE")
    first.write_text(whole[:cut])
    second.write_text(whole[cut:])
    settings.FORWARD_CERTIFICATE, settings.FORWARD_KEY = str(first), str(second)
    live("a")
    forward(at(asking, "syslog+tls"))
    assert len(asking.events) == Leaf.objects.count()


@pytest.mark.parametrize("shown", ["none", "another's"])
def test_without_the_one_it_knows_nothing_is_taken(asking, certified, settings, shown):
    settings.FORWARD_CERTIFICATE = "" if shown == "none" else certified[0]
    live("a")
    forward(at(asking, "syslog+tls"))
    state = Forward.objects.get()
    assert (state.next_index, asking.taken) == (0, [])
    # Its alert may be overtaken by the reset of a line that had more on it.
    assert re.fullmatch(
        r"127\.0\.0\.1 (wants a certificate from us .*|did not take it: .*)", state.error
    )


@pytest.mark.parametrize("what", ["not there", "not a certificate", "locked"])
def test_a_certificate_of_ours_that_is_no_good_is_said(asking, ours, settings, tmp_path, what):
    file = tmp_path / "desk.pem"
    if what == "not a certificate":
        file.write_text("hello")
    elif what == "locked":
        file = Path(ours)
        settings.FORWARD_KEY = str(file.with_suffix(".locked"))
    settings.FORWARD_CERTIFICATE = str(file)
    live("a")
    forward(at(asking, "syslog+tls"))
    state = Forward.objects.get()
    assert state.error == "The file of our own certificate, or of its key, is no good."
    assert (state.next_index, asking.taken) == (0, [])


# --- HTTPS ----------------------------------------------------------------------------------------


@pytest.fixture
def collector(settings):
    taken, answers = [], [200]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = answers[0]
            if status == 200:
                taken.append((self.headers["Authorization"], json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    settings.ALLOW_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{server.server_port}"})
    settings.FORWARD_AUTHORIZATION = "Splunk s-e-c-r-e-t"
    thread = Thread(target=server.serve_forever)
    thread.start()
    # The scheme is what chooses the sender: here it is plain, since the server is.
    yield f"http://127.0.0.1:{server.server_port}/in", taken, answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_by_https_as_a_list_with_the_header(collector):
    place, taken, answers = collector
    ways = {**SENDERS, "http": to_collector}
    live("a", "ü")
    answers[0] = 503
    forward(place, ways)
    assert Forward.objects.get().error == "The collector answered 503."
    answers[0] = 200
    Forward.objects.update(tried_at=None)
    live("c")
    forward(place, ways)
    ((header, events),) = taken
    assert header == "Splunk s-e-c-r-e-t"
    assert [one["place"] for one in events] == list(range(len(events)))
    assert [one["data"]["words"] for one in events if one["event"] == "test.done"] == [
        "a", "ü", "c",
    ]  # fmt: skip


def test_nothing_secret_of_it_is_shown_or_recorded(collector, settings):
    place, _, answers = collector
    answers[0] = 401
    live("a")
    forward(place, {"http": to_collector})
    said = repr(list(Event.objects.values())) + repr(list(Forward.objects.values()))
    assert "s-e-c-r-e-t" not in said
    name = name_of("https://user:pass@collector.example.org/token-abc?k=1")
    assert re.fullmatch(r"https://collector\.example\.org \([0-9a-f]{6}\)", name)


def test_an_address_that_is_not_allowed_is_not_asked(collector, settings):
    settings.ALLOW_PRIVATE_HOSTS = frozenset()
    with pytest.raises(NotTaken):
        to_collector(collector[0], [])
    assert collector[1] == []


def test_a_way_that_is_none_is_said():
    live("a")
    forward("gopher://x.example")
    assert "no such way" in Forward.objects.get().error


# --- what is shown --------------------------------------------------------------------------------


def test_what_was_erased_before_it_went_is_not_sent(receiver):
    live("Jo Bloggs")
    event = Event.objects.get(name="test.done")
    content_erase(actor=COMMAND, event_ids=[event.pk], parts=["what"], because=Because.REQUEST)
    seal()
    forward(at(receiver))
    assert "Bloggs" not in receiver.taken[0].decode()
    assert receiver.events[0]["data"] == {}


def test_a_place_that_is_far_behind_without_failing_is_told_of(receiver, settings, monkeypatch):
    settings.FORWARD_TO = [at(receiver)]
    live("a")
    assert troubles()["forwarding"] == ""
    monkeypatch.setattr("audit.selectors.seal.FORWARD_LATE", timedelta(seconds=-1))
    assert "1 events wait" in troubles()["forwarding"]


def test_the_page_of_the_seal_says_how_far_each_has_come(receiver, settings, sign_in, auditor):
    settings.FORWARD_TO = [at(receiver), "syslog+tls://siem.example.org:6514"]
    live("a")
    forward(at(receiver))
    words = " ".join(sign_in(auditor).get("/record/seal/").content.decode().split())
    assert f"syslog+tcp://{urlsplit(at(receiver)).netloc}: 1 line" in words
    assert "syslog+tls://siem.example.org:6514: 0 lines" in words

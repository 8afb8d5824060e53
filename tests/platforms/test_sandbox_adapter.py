"""The Sandbox through its adapter: the real program, over real HTTP, with its own faults."""

from __future__ import annotations

import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from PIL import Image as Pillow

from platforms.contract import (
    AuthorisationLost,
    Connection,
    Image,
    MentionKind,
    NetworkPolicy,
    OutcomeUnknown,
    Outgoing,
    PlatformError,
    Presence,
    Refused,
    ReplyRef,
    RetryLater,
    StepsInMemory,
)
from platforms.sandbox import SandboxAdapter
from tests.platforms.sandbox_network import (
    ROOT,
    SandboxNetwork,
    command,
    free_port,
    running_sandbox,
)

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxNetwork]:
    with running_sandbox(tmp_path_factory.mktemp("network") / "data") as network:
        yield network


@pytest.fixture
def network(running: SandboxNetwork) -> Iterator[SandboxNetwork]:
    yield running
    running.behave()


@pytest.fixture
def connection(network: SandboxNetwork) -> Connection:
    return network.open_account(f"fire_{uuid4().hex[:8]}", "Northmoor Fire")


@pytest.fixture
def adapter(network: SandboxNetwork, connection: Connection) -> SandboxAdapter:
    return network.adapter(connection, read_timeout_s=10.0)  # a busy machine is not a fault


@pytest.fixture
def impatient(network: SandboxNetwork, connection: Connection) -> SandboxAdapter:
    """For what hangs."""
    return network.adapter(connection, read_timeout_s=1.0)


def outgoing(text: str = "Stay away from the weir.", *images: Image, **more: object) -> Outgoing:
    return Outgoing(uuid4().hex, text, datetime.now(UTC), images, **more)  # type: ignore[arg-type]


def picture(
    alt: str, size: tuple[int, int] = (40, 30), kind: str = "PNG", colour: str = "red"
) -> Image:
    out = io.BytesIO()
    Pillow.new("RGB", size, colour).save(out, kind)
    return Image(out.getvalue(), f"image/{kind.lower()}", alt, *size)


def publish(adapter: SandboxAdapter, post: Outgoing) -> str:
    return adapter.publish(post, steps=StepsInMemory()).remote_id


class TestAccount:
    def test_verify(self, adapter: SandboxAdapter, connection: Connection) -> None:
        identity = adapter.verify()
        assert identity.handle == connection.handle
        assert identity.remote_id == connection.remote_id
        assert identity.display_name == "Northmoor Fire"
        page = requests.get(identity.profile_url, timeout=10)
        assert "Northmoor Fire" in page.text

    def test_the_server_declares_what_the_platform_says(self, adapter: SandboxAdapter) -> None:
        limits = adapter.limits()
        assert limits.text_max == adapter.info.limits.text_max
        assert set(limits.image_types) == set(adapter.info.limits.image_types)
        assert limits.images_max == adapter.info.limits.images_max

    def test_a_wrong_token(self, network: SandboxNetwork, connection: Connection) -> None:
        wrong = network.adapter(Connection(connection.handle, network.url, "wrong-token-1234"))
        with pytest.raises(AuthorisationLost) as caught:
            wrong.verify()
        assert "wrong-token-1234" not in caught.value.message

    def test_loopback_is_refused_unless_it_is_named(self, connection: Connection) -> None:
        outside = SandboxAdapter(connection, network=NetworkPolicy(), remember=lambda _: None)
        with pytest.raises(Refused, match="https"):
            outside.verify()

    def test_nobody_listens(self, network: SandboxNetwork) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        policy = NetworkPolicy(private_hosts=frozenset({url.removeprefix("http://")}))
        gone = SandboxAdapter(Connection("a", url, "t"), network=policy, remember=lambda _: None)
        with pytest.raises(RetryLater):
            publish(gone, outgoing())


class TestPublishing:
    def test_a_post_has_a_page(self, adapter: SandboxAdapter) -> None:
        text = "Stay away from the weir: https://a.example/b & mind the <kids> 🚒"
        done = adapter.publish(outgoing(text), steps=StepsInMemory())
        assert abs(datetime.now(UTC) - done.published_at) < timedelta(minutes=1)
        page = requests.get(done.permalink, timeout=10)
        assert page.status_code == 200
        assert "mind the &lt;kids&gt; 🚒" in page.text

    def test_sent_twice_is_published_once(
        self, network: SandboxNetwork, adapter: SandboxAdapter
    ) -> None:
        post = outgoing()
        first = adapter.publish(post, steps=StepsInMemory())
        again = adapter.publish(post, steps=StepsInMemory())
        assert again == first
        assert [one["status"] for one in network.arrivals(key=post.key, path="/api/posts")] == [
            200,
            201,
        ]
        assert len(adapter.fetch_own_posts("").items) == 1

    def test_sent_at_once_from_many_workers_is_published_once(
        self, network: SandboxNetwork, connection: Connection
    ) -> None:
        post = outgoing("", picture("Red"))
        ready = threading.Barrier(6)
        ids: list[str] = []

        def send() -> None:
            mine = network.adapter(connection)
            ready.wait()
            ids.append(publish(mine, post))

        threads = [threading.Thread(target=send) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(ids) == 6
        assert len(set(ids)) == 1
        assert len(network.adapter(connection).fetch_own_posts("").items) == 1

    def test_images_and_their_words(self, network: SandboxNetwork, adapter: SandboxAdapter) -> None:
        done = adapter.publish(
            outgoing("Look", picture("A red square"), picture("<b>", kind="JPEG")),
            steps=StepsInMemory(),
        )
        page = requests.get(done.permalink, timeout=10).text
        assert 'alt="A red square"' in page
        assert 'alt="&lt;b&gt;"' in page
        address = page.split('src="/media/')[1].split('"')[0]
        image = requests.get(f"{network.url}/media/{address}", timeout=10)
        assert image.headers["Content-Type"] == "image/png"
        assert Pillow.open(io.BytesIO(image.content)).size == (40, 30)

    def test_images_already_uploaded_are_not_sent_again(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        post, steps = (
            outgoing("Look", picture("One"), picture("Two", colour="blue")),
            StepsInMemory(),
        )
        network.fault("unavailable", handle=connection.handle, times=1)
        with pytest.raises(RetryLater):
            adapter.publish(post, steps=steps)
        adapter.publish(post, steps=steps)
        uploads = [
            one for one in network.arrivals(path="/api/media") if one["handle"] == connection.handle
        ]
        assert len(uploads) == 2

    def test_a_reply_goes_under_the_post_it_answers(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        said = network.say("asha", f"@{connection.handle} is it safe?")
        (mention,) = adapter.fetch_mentions("").items
        done = adapter.publish(
            outgoing("It is.", reply_to=mention.reply_ref), steps=StepsInMemory()
        )
        assert "It is." in requests.get(said["url"], timeout=10).text
        (own,) = adapter.fetch_own_posts("").items
        assert (own.remote_id, own.in_reply_to) == (done.remote_id, said["id"])

    def test_what_the_network_refuses(self, adapter: SandboxAdapter) -> None:
        for post in (
            outgoing("x" * 501),
            outgoing(""),
            outgoing("x", *[picture("a")] * 5),
            outgoing("x", reply_to=ReplyRef("999999")),
            outgoing("x", reply_to=ReplyRef("../account")),
        ):
            with pytest.raises(Refused):
                publish(adapter, post)
            assert adapter.find_published(post, since=LONG_AGO).presence is Presence.ABSENT

    def test_deleting(self, adapter: SandboxAdapter, network: SandboxNetwork) -> None:
        post = outgoing()
        done = adapter.publish(post, steps=StepsInMemory())
        adapter.delete(done.remote_id)
        adapter.delete(done.remote_id)
        assert "weir" not in requests.get(done.permalink, timeout=10).text
        assert adapter.fetch_own_posts("").items == []
        lookup = adapter.find_published(post, since=LONG_AGO)
        assert lookup.published == done

    def test_others_posts_cannot_be_deleted(
        self, adapter: SandboxAdapter, network: SandboxNetwork
    ) -> None:
        said = network.say("asha", "Hello")
        with pytest.raises(Refused):
            adapter.delete(said["id"])


class TestIncoming:
    def test_mentions_replies_and_quotes(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        done = adapter.publish(outgoing("Hello"), steps=StepsInMemory())
        network.say("asha", f"@{connection.handle} <b>one</b>\ntwo")
        network.say("tom", "three", in_reply_to=done.remote_id)
        network.say("tom", f"see {done.permalink}")
        network.say("tom", "nothing to do with you")
        batch = adapter.fetch_mentions("")
        assert [(one.kind, one.text, one.author.handle) for one in batch.items] == [
            (MentionKind.MENTION, f"@{connection.handle} <b>one</b>\ntwo", "asha"),
            (MentionKind.REPLY, "three", "tom"),
            (MentionKind.QUOTE, f"see {done.permalink}", "tom"),
        ]
        assert batch.items[1].in_reply_to == done.remote_id
        assert batch.items[1].thread_id == done.remote_id
        assert batch.items[0].thread_id == batch.items[0].remote_id
        assert requests.get(batch.items[0].permalink, timeout=10).ok
        assert requests.get(batch.items[0].author.profile_url, timeout=10).ok

    def test_a_cursor_loses_and_repeats_nothing(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        start = adapter.fetch_mentions("").cursor
        said = [network.say("asha", f"@{connection.handle} {n}")["id"] for n in range(120)]
        seen: list[str] = []
        cursor, more, pages = start, True, 0
        while more:
            batch = adapter.fetch_mentions(cursor)
            seen += [one.remote_id for one in batch.items]
            cursor, more, pages = batch.cursor, batch.more, pages + 1
        assert seen == said
        assert pages == 3
        assert adapter.fetch_mentions(cursor).items == []
        late = network.say("asha", f"@{connection.handle} late")["id"]
        assert [one.remote_id for one in adapter.fetch_mentions(cursor).items] == [late]
        assert len(adapter.fetch_mentions("").items) == 50

    def test_search(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        word = f"flood{uuid4().hex[:6]}"
        publish(adapter, outgoing(f"our own {word}"))
        network.say("asha", f"so much #{word.upper()} here")
        batch = adapter.search(word, "")
        assert [(one.kind, one.author.handle) for one in batch.items] == [
            (MentionKind.MATCH, "asha")
        ]
        assert adapter.search(word, batch.cursor).items == []
        network.say("tom", f"{word} again")
        assert [one.author.handle for one in adapter.search(word, batch.cursor).items] == ["tom"]

    def test_hiding_and_blocking(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        done = adapter.publish(outgoing("Hello"), steps=StepsInMemory())
        network.say("troll_1", "so rude", in_reply_to=done.remote_id)
        (reply,) = adapter.fetch_mentions("").items
        adapter.hide(reply.remote_id)
        adapter.hide(reply.remote_id)
        assert "Hidden by" in requests.get(done.permalink, timeout=10).text
        adapter.block(reply.author.remote_id)
        adapter.block(reply.author.remote_id)
        assert adapter.fetch_mentions("").items == []
        with pytest.raises(Refused):
            adapter.hide("999999")
        with pytest.raises(Refused):
            adapter.block("999999")
        other = network.say("tom", "Hello")
        with pytest.raises(Refused):
            adapter.hide(other["id"])


class TestFaults:
    """Each fault, what the engine is told, and what is true afterwards."""

    @pytest.mark.parametrize(
        ("kind", "expected", "presence"),
        [
            ("refuse", Refused, Presence.ABSENT),
            ("rate_limit", RetryLater, Presence.ABSENT),
            ("unavailable", RetryLater, Presence.ABSENT),
            ("unauthorised", AuthorisationLost, Presence.ABSENT),
            ("hang", OutcomeUnknown, Presence.ABSENT),
            ("error_after", OutcomeUnknown, Presence.FOUND),
            ("hang_after", OutcomeUnknown, Presence.FOUND),
            ("garbled", OutcomeUnknown, Presence.FOUND),
            ("flood", OutcomeUnknown, Presence.FOUND),
        ],
    )
    def test_publishing(
        self,
        network: SandboxNetwork,
        adapter: SandboxAdapter,
        impatient: SandboxAdapter,
        connection: Connection,
        kind: str,
        expected: type[PlatformError],
        presence: Presence,
    ) -> None:
        network.fault(kind, handle=connection.handle, seconds=4, times=1)
        post = outgoing()
        with pytest.raises(expected) as caught:
            publish(impatient if "hang" in kind else adapter, post)
        assert type(caught.value) is expected
        assert connection.secret not in caught.value.message
        if isinstance(caught.value, RetryLater) and kind == "rate_limit":
            assert caught.value.delay_s == 4
        lookup = adapter.find_published(post, since=LONG_AGO)
        assert lookup.presence is presence
        assert len(adapter.fetch_own_posts("").items) == (presence is Presence.FOUND)
        again = adapter.publish(post, steps=StepsInMemory())
        if lookup.published:
            assert again == lookup.published
        assert len(adapter.fetch_own_posts("").items) == 1

    def test_slow_is_not_yet_lost(
        self,
        network: SandboxNetwork,
        adapter: SandboxAdapter,
        impatient: SandboxAdapter,
        connection: Connection,
    ) -> None:
        """While the network still works on it, 'it did not go out' would be a lie."""
        network.fault("slow", handle=connection.handle, seconds=5, times=1)
        post = outgoing()
        with pytest.raises(OutcomeUnknown):
            publish(impatient, post)
        with pytest.raises(RetryLater) as caught:
            adapter.find_published(post, since=LONG_AGO)
        assert caught.value.code == "in_progress"
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                lookup = adapter.find_published(post, since=LONG_AGO)
                break
            except RetryLater:
                time.sleep(0.1)
        assert lookup.presence is Presence.FOUND

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("unavailable", RetryLater),
            ("rate_limit", RetryLater),
            ("hang", RetryLater),
            ("error_after", RetryLater),
            ("garbled", RetryLater),
            ("flood", RetryLater),
            ("unauthorised", AuthorisationLost),
        ],
    )
    def test_reading_never_leaves_anything_in_doubt(
        self,
        network: SandboxNetwork,
        adapter: SandboxAdapter,
        impatient: SandboxAdapter,
        connection: Connection,
        kind: str,
        expected: type[PlatformError],
    ) -> None:
        network.fault(kind, handle=connection.handle, scope="reading", seconds=4)
        if kind == "hang":
            adapter = impatient
        for read in (
            adapter.verify,
            adapter.limits,
            lambda: adapter.fetch_mentions(""),
            lambda: adapter.search("x", ""),
            lambda: adapter.find_published(outgoing(), since=LONG_AGO),
        ):
            with pytest.raises(PlatformError) as caught:
                read()
            assert type(caught.value) is expected
            if kind in ("hang", "flood"):
                break  # they take their time

    def test_a_fault_for_one_account_leaves_the_others_alone(
        self, network: SandboxNetwork, adapter: SandboxAdapter, connection: Connection
    ) -> None:
        network.fault("refuse", handle=connection.handle)
        other = network.adapter(network.open_account(f"police_{uuid4().hex[:8]}", "Police"))
        publish(other, outgoing())
        with pytest.raises(Refused):
            publish(adapter, outgoing())

    def test_hanging_requests_leave_room_for_the_rest(
        self, network: SandboxNetwork, connection: Connection
    ) -> None:
        network.fault("hang", handle=connection.handle, seconds=8)

        def send() -> None:
            with pytest.raises(PlatformError):
                publish(network.adapter(connection, read_timeout_s=6.0), outgoing())

        threads = [threading.Thread(target=send) for _ in range(70)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(1)
            started = time.monotonic()
            assert requests.get(f"{network.url}/faults", timeout=4).ok
            assert time.monotonic() - started < 4
        finally:
            for thread in threads:
                thread.join()


class TestProgram:
    @pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
    def test_it_stops_at_once_even_while_something_hangs(
        self, tmp_path: Path, how: signal.Signals
    ) -> None:
        with running_sandbox(tmp_path / "data") as network:
            connection = network.open_account("northmoor_fire")
            network.fault("hang", seconds=60)

            def send() -> None:
                with pytest.raises(PlatformError):
                    publish(network.adapter(connection), outgoing())

            waiting = threading.Thread(target=send)
            waiting.start()
            time.sleep(0.5)
            network.process.send_signal(how)
            assert network.process.wait(20) == 0
            waiting.join()

    def test_a_killed_server_has_lost_nothing(self, tmp_path: Path) -> None:
        port, post = free_port(), outgoing()
        with running_sandbox(tmp_path / "data", port=port) as network:
            connection = network.open_account("northmoor_fire")
            network.fault("error_after", times=1)
            with pytest.raises(OutcomeUnknown):
                publish(network.adapter(connection), post)
            network.process.kill()
            network.process.wait()
        _wait_until_free(port)
        with running_sandbox(tmp_path / "data", port=port) as network:
            lookup = network.adapter(connection).find_published(post, since=LONG_AGO)
            assert lookup.presence is Presence.FOUND
            assert publish(network.adapter(connection), post) == lookup.published.remote_id  # type: ignore[union-attr]

    def test_seeding_happens_once(self, tmp_path: Path) -> None:
        for _ in range(2):
            with running_sandbox(tmp_path / "data", "--seed") as network:
                page = requests.get(network.url, timeout=10).text
                assert page.count("Are you affected by the smell on Mill Lane?") == 1

    def test_permalinks_start_where_people_are(self, tmp_path: Path) -> None:
        options = ("--public-url", "https://practice.example/")
        with running_sandbox(tmp_path / "data", *options) as network:
            adapter = network.adapter(network.open_account("northmoor_fire"))
            assert adapter.verify().profile_url == "https://practice.example/@northmoor_fire"

    def test_a_taken_port_is_said_in_one_line(self, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = _run(command(port, tmp_path / "data"))
        assert done.returncode == 1
        assert done.stderr.startswith(f"sandbox: cannot listen on 127.0.0.1 port {port}")
        assert done.stderr.count("\n") == 1
        assert not (tmp_path / "data").exists()

    def test_a_directory_that_cannot_be_used_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        done = _run(command(free_port(), tmp_path / "file"))
        assert done.returncode == 1
        assert "Cannot use" in done.stderr
        assert "Traceback" not in done.stderr

    def test_it_does_not_keep_socialdesks_secrets(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SOCIALDESK_SECRET_KEY", "hunter2")
        monkeypatch.setenv("DATABASE_URL", "postgres://hunter2")
        with running_sandbox(tmp_path / "data") as network:
            if not Path("/proc").exists():
                pytest.skip("no /proc here to look at the program's environment")
            environment = Path(f"/proc/{network.process.pid}/environ").read_bytes()
            assert b"SANDBOX_BIND" in environment
            assert b"hunter2" not in environment

    def test_the_adapter_does_not_bring_the_server_with_it(self) -> None:
        code = (
            "import sys; import platforms.sandbox; from platforms.registry import adapter_class;"
            "adapter_class('sandbox');"
            "print([m for m in ('flask', 'werkzeug', 'jinja2', 'django', 'gunicorn', 'sqlite3')"
            " if m in sys.modules])"
        )
        done = _run([sys.executable, "-c", code])
        assert done.stdout.strip() == "[]"


def _run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=ROOT, capture_output=True, text=True, timeout=60, env=dict(os.environ)
    )


def _wait_until_free(port: int) -> None:
    """The worker of a killed server notices on its own that it has no parent any more."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                time.sleep(0.1)
            else:
                return
    raise AssertionError(f"port {port} was never let go")

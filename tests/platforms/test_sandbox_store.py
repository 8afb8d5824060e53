"""What the Sandbox remembers, and what it refuses to."""

from __future__ import annotations

import io
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from platforms.sandbox.database import DataDirectoryError
from platforms.sandbox.faults import FaultKind, FaultScope
from platforms.sandbox.records import Account, NotAllowed
from platforms.sandbox.seed import demo_accounts, seed
from platforms.sandbox.store import Store
from platforms.sandbox.text import clean, linked_post_ids, mentioned_handles, segments

KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "data")
    yield found
    found.close()


@pytest.fixture
def fire(store: Store) -> Account:
    return store.accounts.create(handle="northmoor_fire", display_name="Fire", official=True)


@pytest.fixture
def asha(store: Store) -> Account:
    return store.accounts.create(handle="asha", display_name="Asha")


@pytest.fixture
def tom(store: Store) -> Account:
    return store.accounts.create(handle="tom", display_name="Tom")


def png(width: int = 4, height: int = 3, colour: str = "red") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(out, "PNG")
    return out.getvalue()


def refusal(call: object, *args: object, **kwargs: object) -> NotAllowed:
    with pytest.raises(NotAllowed) as caught:
        call(*args, **kwargs)  # type: ignore[operator]
    return caught.value


class TestAccounts:
    @pytest.mark.parametrize("handle", ["", "a", "a" * 31, "a-b", "a b", "é" * 3, "a/../b"])
    def test_a_handle_has_to_be_well_formed(self, store: Store, handle: str) -> None:
        found = refusal(store.accounts.create, handle=handle, display_name="A")
        assert (found.code, found.field) == ("handle_invalid", "handle")

    def test_a_handle_is_taken_once_whatever_its_case(self, store: Store, asha: Account) -> None:
        assert refusal(store.accounts.create, handle="@ASHA", display_name="A").code == (
            "handle_taken"
        )
        assert store.accounts.by_handle("Asha") == asha

    @pytest.mark.parametrize("name", ["", "  \n", "x" * 61])
    def test_a_name_has_a_length(self, store: Store, name: str) -> None:
        assert refusal(store.accounts.create, handle="new", display_name=name).field == (
            "display_name"
        )

    def test_a_token_opens_its_account_until_it_is_revoked(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        token, other = store.accounts.token_create(fire), store.accounts.token_create(asha)
        assert store.accounts.by_token(token) == fire
        assert store.accounts.by_token("") is None
        assert store.accounts.tokens_revoke(fire) == 1
        assert store.accounts.by_token(token) is None
        assert store.accounts.by_token(other) == asha
        assert store.accounts.token_counts() == {asha.id: 1}

    def test_tokens_are_not_kept_in_readable_form(self, store: Store, fire: Account) -> None:
        token = store.accounts.token_create(fire)
        store.close()
        files = [path for path in store.database.path.parent.iterdir() if path.is_file()]
        assert files
        assert all(token.encode() not in path.read_bytes() for path in files)


class TestPosting:
    def test_the_same_key_gives_the_same_post_for_ever(self, store: Store, fire: Account) -> None:
        first, new = store.posts.create(fire, "Hello", key=KEY)
        again, new_again = store.posts.create(fire, "Hello", key=KEY)
        assert (new, new_again, again) == (True, False, first)
        store.posts.delete(fire, first.id)
        after, new_after = store.posts.create(fire, "Hello", key=KEY)
        assert (new_after, after.id, after.deleted, after.text) == (False, first.id, True, "")
        assert len(store.lists.profile(fire)) == 0

    def test_a_key_belongs_to_one_author(self, store: Store, fire: Account, asha: Account) -> None:
        mine, _ = store.posts.create(fire, "Hello", key=KEY)
        hers, new = store.posts.create(asha, "Hello", key=KEY)
        assert new
        assert hers.id != mine.id
        found = store.posts.by_key(asha, KEY)
        assert found is not None
        assert found.id == hers.id

    def test_a_key_with_other_content_is_refused(self, store: Store, fire: Account) -> None:
        store.posts.create(fire, "Hello", key=KEY)
        assert refusal(store.posts.create, fire, "Goodbye", key=KEY).code == "key_reused"

    def test_many_at_once_with_one_key_make_one_post(self, store: Store, fire: Account) -> None:
        made: list[tuple[int, bool]] = []
        ready = threading.Barrier(8)

        def send() -> None:
            ready.wait()
            post, new = store.posts.create(fire, "Hello", key=KEY)
            made.append((post.id, new))

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 8
        assert len({post_id for post_id, _ in made}) == 1
        assert sum(new for _, new in made) == 1

    @pytest.mark.parametrize(
        ("text", "code"),
        [("", "text_empty"), (" \n\x00 ", "text_empty"), ("x" * 501, "text_too_long")],
    )
    def test_a_text_has_a_length(self, store: Store, fire: Account, text: str, code: str) -> None:
        assert refusal(store.posts.create, fire, text).code == code

    def test_the_longest_text_is_taken(self, store: Store, fire: Account) -> None:
        post, _ = store.posts.create(fire, "🚒" * 500)
        assert len(post.text) == 500

    def test_what_no_text_holds_is_left_out(self, store: Store, fire: Account) -> None:
        post, _ = store.posts.create(fire, "a\r\nb\x00\x1b\ud800c\t!")
        assert post.text == "a\nbc\t!"

    def test_a_reply_to_a_deleted_or_missing_post_is_refused(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        post, _ = store.posts.create(fire, "Hello")
        store.posts.delete(fire, post.id)
        for target in (post.id, 999):
            found = refusal(store.posts.create, asha, "Hi", in_reply_to=target)
            assert found.code == "reply_target_missing"

    def test_replies_belong_to_the_thread(self, store: Store, fire: Account, asha: Account) -> None:
        root, _ = store.posts.create(fire, "Hello")
        reply, _ = store.posts.create(asha, "Hi", in_reply_to=root.id)
        deeper, _ = store.posts.create(fire, "Ho", in_reply_to=reply.id)
        assert (root.root_id, reply.root_id, deeper.root_id) == (root.id, root.id, root.id)
        assert [post.replies for post in store.lists.thread(root.id)] == [1, 1, 0]

    def test_an_edited_post_says_something_else_and_that_it_was_edited(
        self, store: Store, fire: Account
    ) -> None:
        media_id = store.media.add(fire, png())
        post, _ = store.posts.create(fire, "Old", images=[(media_id, "A road")], key=KEY)
        edited = store.posts.edit(fire, post.id, "New")
        assert edited is not None
        assert (edited.text, edited.images) == ("New", post.images)
        assert edited.edited_at is not None
        assert store.posts.edit(fire, post.id, "New") == edited
        assert store.lists.search("new", 0, 50)[0] == [edited]
        again, new = store.posts.create(fire, "Old", images=[(media_id, "A road")], key=KEY)
        assert (again, new) == (edited, False)

    def test_only_the_author_edits_what_is_there_and_keeps_to_the_limits(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        post, _ = store.posts.create(fire, "Hello")
        assert refusal(store.posts.edit, asha, post.id, "Mine").status == 403
        assert refusal(store.posts.edit, fire, post.id, "").code == "text_empty"
        assert refusal(store.posts.edit, fire, post.id, "x" * 501).code == "text_too_long"
        assert store.posts.edit(fire, 999, "Hello") is None
        store.posts.delete(fire, post.id)
        assert store.posts.edit(fire, post.id, "Hello") is None

    def test_only_the_author_deletes_and_only_once(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        post, _ = store.posts.create(fire, "Hello")
        assert refusal(store.posts.delete, asha, post.id).status == 403
        assert store.posts.delete(fire, post.id) is True
        assert store.posts.delete(fire, post.id) is False
        assert store.posts.delete(fire, 999) is False
        assert store.lists.timeline() == []


class TestImages:
    def test_they_come_back_in_order_with_their_words(self, store: Store, fire: Account) -> None:
        ids = [store.media.add(fire, png(colour=colour)) for colour in ("red", "blue")]
        post, _ = store.posts.create(fire, "", images=[(ids[1], "Blue"), (ids[0], "Red")])
        assert [(one.media_id, one.alt_text) for one in post.images] == [
            (ids[1], "Blue"),
            (ids[0], "Red"),
        ]
        assert (post.images[0].mime, post.images[0].width, post.images[0].height) == (
            "image/png",
            4,
            3,
        )

    def test_uploading_again_does_not_change_what_the_post_is(
        self, store: Store, fire: Account
    ) -> None:
        first, _ = store.posts.create(
            fire, "Look", images=[(store.media.add(fire, png()), "Red")], key=KEY
        )
        again, new = store.posts.create(
            fire, "Look", images=[(store.media.add(fire, png()), "Red")], key=KEY
        )
        assert (again.id, new) == (first.id, False)

    def test_an_image_is_seen_only_as_part_of_a_post(self, store: Store, fire: Account) -> None:
        media_id = store.media.add(fire, png())
        assert store.media.published(media_id) is None
        post, _ = store.posts.create(fire, "Look", images=[(media_id, "")])
        file = store.media.published(media_id)
        assert file is not None
        assert (file.path.read_bytes(), file.mime) == (png(), "image/png")
        store.posts.delete(fire, post.id)
        assert store.media.published(media_id) is None

    def test_others_images_cannot_be_posted(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        media_id = store.media.add(fire, png())
        assert refusal(store.posts.create, asha, "Mine", images=[(media_id, "")]).code == (
            "image_missing"
        )

    @pytest.mark.parametrize(
        "data",
        [b"", b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'/>", png()[:40], b"GIF89a"],
    )
    def test_what_is_no_image_is_refused(self, store: Store, fire: Account, data: bytes) -> None:
        assert refusal(store.media.add, fire, data).code == "image_unreadable"

    def test_a_bomb_is_refused_by_its_pixels(self, store: Store, fire: Account) -> None:
        data = png(8_000, 8_000)
        assert len(data) < 1_000_000
        assert refusal(store.media.add, fire, data).code == "image_too_many_pixels"

    def test_a_large_file_is_refused(self, store: Store, fire: Account) -> None:
        assert refusal(store.media.add, fire, b"x" * 8_000_001).status == 413

    def test_limits_of_a_post(self, store: Store, fire: Account) -> None:
        media_id = store.media.add(fire, png())
        assert refusal(store.posts.create, fire, "x", images=[(media_id, "")] * 5).code == (
            "too_many_images"
        )
        assert refusal(store.posts.create, fire, "x", images=[(media_id, "a" * 1501)]).code == (
            "alt_text_too_long"
        )

    def test_a_video_goes_alone_and_is_kept_as_it_came(self, store: Store, fire: Account) -> None:
        data = b"\0\0\0\x18ftypmp42" + b"v" * 500
        film, still = store.media.add(fire, data), store.media.add(fire, png())
        both = [(film, "A river"), (still, "A bridge")]
        assert refusal(store.posts.create, fire, "x", images=both).code == "mixed_media"
        store.posts.create(fire, "x", images=[(film, "A river")])
        kept = store.media.published(film)
        assert kept is not None
        assert (kept.path.read_bytes(), kept.mime) == (data, "video/mp4")

    def test_a_still_picture_in_the_box_of_a_video_is_none(
        self, store: Store, fire: Account
    ) -> None:
        data = b"\0\0\0\x18ftypavif" + b"v" * 500
        assert refusal(store.media.add, fire, data).code == "image_unreadable"

    def test_a_large_video_is_refused(self, store: Store, fire: Account) -> None:
        data = (b"\0\0\0\x18ftypmp42").ljust(50_000_001, b"v")
        assert refusal(store.media.add, fire, data).status == 413


class TestNotices:
    def kinds(self, store: Store, account: Account) -> list[tuple[str, str]]:
        notices, _ = store.lists.notices(account, None, 50)
        return [(notice.kind, notice.post.text) for notice in notices]

    def test_mentions_replies_and_quotes_come_in_once_each(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        post, _ = store.posts.create(fire, "@northmoor_fire @asha hello")
        store.posts.create(asha, "@Northmoor_Fire @northmoor_fire help")
        store.posts.create(asha, "@northmoor_fire yes", in_reply_to=post.id)
        store.posts.create(asha, f"see http://here.example/@northmoor_fire/{post.id}.")
        store.posts.create(asha, "mail me at a@northmoor_fire.example")
        assert self.kinds(store, fire) == [
            ("mention", "@Northmoor_Fire @northmoor_fire help"),
            ("reply", "@northmoor_fire yes"),
            ("quote", f"see http://here.example/@northmoor_fire/{post.id}."),
        ]
        assert self.kinds(store, asha) == [("mention", "@northmoor_fire @asha hello")]

    def test_the_blocked_and_the_deleted_stay_away(
        self, store: Store, fire: Account, asha: Account, tom: Account
    ) -> None:
        post, _ = store.posts.create(fire, "Hello")
        store.posts.create(asha, "@northmoor_fire one")
        gone, _ = store.posts.create(tom, "@northmoor_fire two")
        store.posts.delete(tom, gone.id)
        assert store.accounts.block(fire, asha.id) is True
        assert self.kinds(store, fire) == []
        found = refusal(store.posts.create, asha, "three", in_reply_to=post.id)
        assert found.code == "blocked"
        assert store.accounts.block(fire, 999) is False
        assert refusal(store.accounts.block, fire, fire.id).code == "own_account"

    def test_a_cursor_gives_what_came_after_it(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        for number in range(5):
            store.posts.create(asha, f"@northmoor_fire {number}")
        newest, more = store.lists.notices(fire, None, 2)
        assert ([one.post.text[-1] for one in newest], more) == (["3", "4"], False)
        first, more = store.lists.notices(fire, 0, 3)
        assert ([one.post.text[-1] for one in first], more) == (["0", "1", "2"], True)
        rest, more = store.lists.notices(fire, first[-1].post.id, 3)
        assert ([one.post.text[-1] for one in rest], more) == (["3", "4"], False)
        assert store.lists.notices(fire, rest[-1].post.id, 3) == ([], False)


class TestHiding:
    def test_replies_to_ones_own_thread_can_be_hidden(
        self, store: Store, fire: Account, asha: Account, tom: Account
    ) -> None:
        root, _ = store.posts.create(fire, "Hello")
        reply, _ = store.posts.create(asha, "rude", in_reply_to=root.id)
        deeper, _ = store.posts.create(tom, "ruder", in_reply_to=reply.id)
        for post in (reply, deeper):
            assert store.posts.hide(fire, post.id) is True
        assert [post.hidden for post in store.lists.thread(root.id)] == [False, True, True]
        assert store.lists.search("rude", None, 50) == ([], False)

    def test_nothing_else_can(self, store: Store, fire: Account, asha: Account) -> None:
        theirs, _ = store.posts.create(asha, "Hello")
        reply, _ = store.posts.create(fire, "Hi", in_reply_to=theirs.id)
        mine, _ = store.posts.create(fire, "Mine")
        for post in (theirs, mine):
            assert refusal(store.posts.hide, fire, post.id).status == 403
        assert store.posts.hide(fire, 999) is False
        assert store.posts.hide(asha, reply.id) is True


class TestSearch:
    def test_every_word_whatever_its_case_and_nothing_is_a_pattern(
        self, store: Store, fire: Account, asha: Account
    ) -> None:
        store.posts.create(asha, "Straße closed, 100% sure #Northmoor")
        store.posts.create(fire, "Straße closed by us")
        found = lambda query: [post.text for post in store.lists.search(query, None, 50)[0]]  # noqa: E731
        assert len(found("STRASSE closed")) == 2
        assert len(found("#northmoor")) == 1
        assert found("100%") == ["Straße closed, 100% sure #Northmoor"]
        assert found("1__% sure") == []
        assert found("' OR 1=1 --") == []
        mine, _ = store.lists.search("closed", None, 50, but_not_by=fire)
        assert [post.author.handle for post in mine] == ["asha"]
        assert refusal(store.lists.search, "  ", None, 50).code == "query_empty"


class TestText:
    def test_links_mentions_and_tags(self) -> None:
        text = "Hi @Asha, see (https://a.example/x_(y)). #Flood2 and #12 or a#b, a@b."
        assert [(one.kind, one.value) for one in segments(text) if one.kind != "text"] == [
            ("mention", "asha"),
            ("url", "https://a.example/x_(y)"),
            ("tag", "Flood2"),
        ]
        assert mentioned_handles("@a_b @A_b @long" + "g" * 40) == ["a_b"]
        assert linked_post_ids("https://x/@asha/12?a=1 https://x/@asha/ http://x/y/@asha/1") == [
            ("asha", 12)
        ]

    @given(st.text(alphabet=st.sampled_from("@#:/hHtTpPs.a_ )\n\"<'&é🚒12"), max_size=60))
    def test_the_pieces_are_the_text(self, text: str) -> None:
        pieces = segments(text)
        assert "".join(piece.text for piece in pieces) == text
        for piece in pieces:
            if piece.kind == "url":
                assert piece.value.startswith(("http://", "https://"))
                assert not set(piece.value) & set(' "<>\n')

    @given(st.text(max_size=40))
    def test_cleaned_text_is_clean_and_can_be_stored(self, text: str) -> None:
        assert clean(clean(text)) == clean(text)
        clean(text).encode()


class TestFaults:
    def take(self, store: Store, handle: str = "northmoor_fire", posting: bool = True) -> object:
        fault = store.faults.take(handle=handle, posting=posting, reading=not posting)
        return fault and fault.kind

    def test_it_strikes_whom_and_when_it_should(self, store: Store, fire: Account) -> None:
        store.faults.turn_on(FaultKind.REFUSE, handle="@Northmoor_Fire")
        assert self.take(store) is FaultKind.REFUSE
        assert self.take(store, "asha") is None
        assert self.take(store, posting=False) is None
        store.faults.turn_on(FaultKind.SLOW, scope=FaultScope.EVERYTHING)
        assert self.take(store) is FaultKind.REFUSE  # the one for the account goes first
        assert self.take(store, "asha", posting=False) is FaultKind.SLOW
        assert store.faults.turn_off() == 2
        assert self.take(store) is None

    def test_it_counts_down(self, store: Store) -> None:
        fault = store.faults.turn_on(FaultKind.UNAVAILABLE, times=2)
        assert [self.take(store) for _ in range(3)] == [
            FaultKind.UNAVAILABLE,
            FaultKind.UNAVAILABLE,
            None,
        ]
        assert store.faults.turn_off(fault.id) == 0

    def test_it_outlives_a_restart(self, store: Store, tmp_path: Path) -> None:
        store.faults.turn_on(FaultKind.HANG, seconds=7)
        store.close()
        again = Store(tmp_path / "data")
        assert [(one.kind, one.seconds) for one in again.faults.active()] == [(FaultKind.HANG, 7)]
        again.close()

    @pytest.mark.parametrize(
        ("how", "field"),
        [
            ({"seconds": -1}, "seconds"),
            ({"seconds": 121}, "seconds"),
            ({"seconds": float("nan")}, "seconds"),
            ({"times": 0}, "times"),
            ({"handle": "nobody"}, "handle"),
        ],
    )
    def test_what_makes_no_sense_is_refused(
        self, store: Store, how: dict[str, float], field: str
    ) -> None:
        assert refusal(store.faults.turn_on, FaultKind.HANG, **how).field == field
        assert store.faults.active() == []


class TestSeed:
    def test_the_same_moment_gives_the_same_network(self, tmp_path: Path) -> None:
        now = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
        dumps = []
        for name in ("one", "two"):
            store = Store(tmp_path / name)
            assert seed(store, now=now) is True
            dumps.append(
                [
                    (post.id, post.author.handle, post.text, post.created_at, post.replies)
                    for post in store.lists.search("e", 0, 50)[0]
                ]
            )
            store.close()
        assert len(dumps[0]) > 20
        assert dumps[0] == dumps[1]

    def test_it_fills_an_empty_network_only_and_its_tokens_work(self, store: Store) -> None:
        assert seed(store) is True
        for demo in demo_accounts():
            account = store.accounts.by_token(demo.token)
            assert account is not None
            assert account.handle == demo.handle
            assert account.official
        assert seed(store) is False

    def test_it_leaves_a_network_in_use_alone(self, store: Store, asha: Account) -> None:
        assert seed(store) is False
        assert store.accounts.listed(official=True) == []


class TestDirectory:
    def test_a_place_that_cannot_be_used_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("x")
        with pytest.raises(DataDirectoryError, match="file"):
            Store(tmp_path / "file")

    def test_a_file_that_is_no_database_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "sandbox.sqlite3").write_text("x" * 5000)
        with pytest.raises(DataDirectoryError):
            Store(tmp_path)

    @pytest.mark.parametrize("version", [1, 2])
    def test_data_of_an_earlier_version_is_brought_up_to_date(
        self, tmp_path: Path, version: int
    ) -> None:
        store = Store(tmp_path)
        account = store.accounts.create(handle="fire", display_name="Fire")
        post, _ = store.posts.create(account, "Hello")
        store.close()
        connection = sqlite3.connect(tmp_path / "sandbox.sqlite3")
        for column in ("extras", "edited_at")[version - 1 :]:
            connection.execute(f"ALTER TABLE posts DROP COLUMN {column}")
        connection.execute(f"PRAGMA user_version={version}")
        connection.close()
        store = Store(tmp_path)
        assert store.posts.get(post.id) == post
        store.close()

    def test_data_of_another_version_is_left_alone(self, tmp_path: Path) -> None:
        Store(tmp_path).close()
        connection = sqlite3.connect(tmp_path / "sandbox.sqlite3")
        connection.execute("PRAGMA user_version=99")
        connection.close()
        with pytest.raises(DataDirectoryError, match="99"):
            Store(tmp_path)

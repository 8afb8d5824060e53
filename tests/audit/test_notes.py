"""Signed notes: keys, checkpoints, and what is refused."""

from __future__ import annotations

import base64
import os
from datetime import UTC, datetime

import pytest

from audit.notes import NoKey, NoteBroken, PublicKey, SigningKey, Statement, opened, sign

# The example of the signed-note format: https://pkg.go.dev/golang.org/x/mod/sumdb/note
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)


def key(name="socialdesk-test"):
    return SigningKey.read(f"{name}:{base64.b64encode(os.urandom(32)).decode()}")


def said(size=3, **more):
    at = datetime(2026, 11, 25, 20, 0, 0, 5, tzinfo=UTC)
    return Statement("socialdesk-test", size, b"\x07" * 32, at, **more)


def test_a_published_note_opens_with_its_published_key():
    public = PublicKey.read(PETER)
    text, _, signatures = NOTE.rpartition("\n\n")
    raw = base64.b64decode(signatures.split()[2])
    assert raw[:4] == public.id
    assert public.has_signed(text + "\n", raw[4:])
    assert not public.has_signed(text, raw[4:])
    assert str(public) == PETER


def test_a_checkpoint_is_what_the_format_says():
    mine = key()
    note = sign(said(), [mine])
    lines = note.split("\n")
    assert lines[:4] == [
        "socialdesk-test",
        "3",
        base64.b64encode(b"\x07" * 32).decode(),
        "time 2026-11-25T20:00:00.000005Z",
    ]
    assert lines[4] == ""
    assert lines[5].startswith("— socialdesk-test ")
    assert lines[6:] == [""]
    assert opened(note, [mine.public]) == said()


def test_both_keys_sign_while_one_takes_over():
    old, new = key(), key()
    statement = said(keys=(str(new.public), str(old.public)))
    note = sign(statement, [new, old])
    assert opened(note, [old.public]) == opened(note, [new.public]) == statement


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n3\n", "\n4\n"),
        lambda note: note.replace("20:00:00", "19:00:00"),
        lambda note: note.replace("— socialdesk-test", "— socialdesk-tests"),
        lambda note: note.rpartition("\n\n")[0],
        lambda note: note[:-10] + "AAAAAAAA=\n",
        lambda note: "",
        lambda note: note.replace("— socialdesk-test ", "— socialdesk-test !"),
    ],
)
def test_a_note_that_was_changed_does_not_open(change):
    mine = key()
    with pytest.raises(NoteBroken):
        opened(change(sign(said(), [mine])), [mine.public])


def test_nor_with_another_key_of_the_same_name():
    with pytest.raises(NoteBroken):
        opened(sign(said(), [key()]), [key().public])


def test_what_a_key_signed_that_is_no_checkpoint_is_refused():
    mine = key()
    text = "socialdesk-test\nmany\nAAAA\n"
    with pytest.raises(NoteBroken, match="cannot be read"):
        opened(f"{text}\n{mine.line(text)}", [mine.public])


@pytest.mark.parametrize(
    "text",
    ["", "name", "name:", "name:AAAA", ":" + "A" * 43 + "=", "a b:" + "A" * 43 + "=", "n:???"],
)
def test_what_is_no_signing_key_is_refused_without_showing_it(text):
    with pytest.raises(NoKey) as caught:
        SigningKey.read(text)
    assert "AAAA" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ["", "PeterNeumann", PETER.replace("c74f", "c74e"), PETER[:-8], PETER.replace("+AR", "+BR")],
)
def test_what_is_no_public_key_is_refused(text):
    with pytest.raises(NoKey):
        PublicKey.read(text)


def test_a_signing_key_does_not_show_itself():
    assert "seed" not in repr(key())
    assert repr(key("socialdesk-test")) == "<signing key socialdesk-test>"

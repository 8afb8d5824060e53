"""What of an event is sealed."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from hashlib import sha256

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.leaves import Commitments, Row, Salts, canonical, leaf_of, new_salts, texts_of

ROW = Row(
    id=7,
    occurred_at=datetime(2026, 11, 25, 20, 0, tzinfo=UTC),
    name="account.frozen",
    act=uuid.UUID(int=5),
    actor_kind="person",
    actor_id=3,
    actor_label="Ana Reyes",
    actor_via="",
    address="192.0.2.7",
    correlation_id="r1",
    subject_type="accounts.socialaccount",
    subject_id="4",
    subject_label="Northmoor Fire",
    post_id=None,
    account_id=4,
    account_label="Northmoor Fire",
    data='{"reason": "Überprüfung", "n": 1.0}',
)
SALTS = Salts(b"\x01" * 16, b"\x02" * 16)


def test_the_format_of_a_leaf_stays_as_it_is():
    """It cannot change: what was sealed yesterday is checked for ever."""
    texts = texts_of(ROW, SALTS)
    assert texts.who == (
        b'{"address":"192.0.2.7","salt":"01010101010101010101010101010101","who":"Ana Reyes"}'
    )
    assert (
        texts.what
        == (
            '{"account":"Northmoor Fire","data":{"n":1,"reason":"Überprüfung"},'
            '"salt":"02020202020202020202020202020202","subject":"Northmoor Fire"}'
        ).encode()
    )
    leaf = leaf_of(ROW, texts.commitments)
    assert (
        leaf
        == (
            '{"account_id":4,"action_id":"00000000-0000-0000-0000-000000000005","correlation_id":"r1",'
            '"event":"account.frozen","number":7,"post_id":null,"subject_id":"4",'
            '"subject_type":"accounts.socialaccount","through":"","time":"2026-11-25T20:00:00.000000Z",'
            f'"v":1,"what_sha256":"{sha256(texts.what).hexdigest()}","who_id":3,"who_kind":"person",'
            f'"who_sha256":"{sha256(texts.who).hexdigest()}"}}'
        ).encode()
    )
    for text in (leaf, texts.who, texts.what):
        assert rfc8785.dumps(json.loads(text)) == text


def test_a_leaf_holds_no_personal_content():
    leaf = leaf_of(ROW, texts_of(ROW, SALTS).commitments).decode()
    for word in ("Ana", "Northmoor", "192.0.2.7", "prüfung"):
        assert word not in leaf


def test_what_was_erased_leaves_the_leaf_as_it_was():
    before = texts_of(ROW, SALTS)
    leaf = leaf_of(ROW, before.commitments)
    blank = ROW._replace(subject_label="", account_label="", data="{}", actor_label="", address="")
    assert leaf_of(blank, before.commitments) == leaf
    assert texts_of(blank, Salts(None, None)) == (None, None)
    assert texts_of(ROW, Salts(SALTS.who, None)) == (before.who, None)
    assert all(isinstance(one, bytes) for one in Commitments(*before.commitments))


def test_salts_differ_and_are_long_enough():
    salts = new_salts(100)
    assert len({part for pair in salts for part in pair}) == 200
    assert all(len(part) == 16 for pair in salts for part in pair)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_every_value_is_written_as_rfc_8785_writes_it(value):
    assert canonical(value) == rfc8785.dumps(value)


def test_the_published_example():
    """RFC 8785, 3.2.2 and 3.2.4."""
    given_ = json.loads(
        r"""{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"""
    )
    assert canonical(given_).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        r'"string":"€$\u000f\nA' + "'" + r'B\"\\\\\"/"}'
    )


def test_numbers_beyond_its_range_are_sealed_as_texts():
    assert canonical({"n": [2**53, -(2**60), 5]}) == (
        b'{"n":["9007199254740992","-1152921504606846976",5]}'
    )

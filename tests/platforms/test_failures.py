"""The one table from what happened to what it means."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platforms.addresses import AddressRefused, NoAnswer, NotSent, RedirectRefused
from platforms.contract import (
    Allowance,
    AuthorisationLost,
    Identity,
    NetworkPolicy,
    Offered,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
)
from platforms.failures import Asker, Malformed, allowance_of, delay_of, reason_of, text_of, time_of
from platforms.guard import Answer, GuardedSession
from platforms.oauth import Tokens

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def answer(status: int = 200, body: Any = None, **headers: str) -> Answer:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, raw)


def failing(
    exc: Exception, after: Answer | None = None, *, asked: bool = True, writes: bool = True
) -> PlatformError:
    session = GuardedSession(NetworkPolicy())

    def call() -> None:
        session._way_out.asked = asked
        session.last = after
        raise exc

    asker = Asker("Somewhere", session, secrets=lambda: ["canary secret/1", ""])
    with pytest.raises(PlatformError) as caught:
        asker.ask(call, writes=writes)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize(
    ("exc", "after", "asked", "write", "read"),
    [
        (AddressRefused("No."), None, False, Refused, Refused),
        (NotSent("No."), None, True, RetryLater, RetryLater),
        (NoAnswer("No."), None, True, OutcomeUnknown, RetryLater),
        (RedirectRefused("No.", acted=False), None, True, Refused, Refused),
        (RedirectRefused("No.", acted=True), None, True, OutcomeUnknown, Refused),
        (ValueError("x"), None, False, Refused, Refused),
        (ValueError("x"), None, True, OutcomeUnknown, RetryLater),
        (ValueError("x"), answer(200), True, OutcomeUnknown, RetryLater),
        (Malformed("x"), answer(200), True, OutcomeUnknown, RetryLater),
        (RecursionError(), answer(200), True, OutcomeUnknown, RetryLater),
        (ValueError("x"), answer(400), True, Refused, Refused),
        (ValueError("x"), answer(401), True, AuthorisationLost, AuthorisationLost),
        (ValueError("x"), answer(503), True, OutcomeUnknown, RetryLater),
        (ValueError("x"), answer(429), True, RetryLater, RetryLater),
    ],
)
def test_the_table(
    exc: Exception,
    after: Answer | None,
    asked: bool,
    write: type[PlatformError],
    read: type[PlatformError],
) -> None:
    assert type(failing(exc, after, asked=asked, writes=True)) is write
    if not (isinstance(exc, RedirectRefused) and exc.acted):
        assert type(failing(exc, after, asked=asked, writes=False)) is read


def test_what_a_library_wraps_is_looked_into() -> None:
    wrapped = OSError("library")
    wrapped.__context__ = ValueError("between")
    wrapped.__context__.__cause__ = NotSent("The real reason.")
    assert failing(wrapped).message == "The real reason."


def test_a_platform_error_passes_through() -> None:
    session = GuardedSession(NetworkPolicy())
    error = Refused("As it is.")

    def call() -> None:
        raise error

    with pytest.raises(Refused) as caught:
        Asker("Somewhere", session, secrets=list).ask(call)
    assert caught.value is error


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({"error": "DuplicatePost", "message": "Again"}, "422", "It says: Again"),
        ({"error": "Text can't be blank"}, "422", "It says: Text can't be blank"),
        ({"error": "x", "error_description": "Longer"}, "422", "It says: Longer"),
        ({"error": "not_found"}, "422", "It says: not_found"),
        ({"error": "canary secret/1", "message": "m"}, "422", "It says: m"),
        ({"error": "no canary secret/1 here"}, "422", "It says: no ••• here"),
        ({"error": "no canary%20secret%2F1 here"}, "422", "It says: no ••• here"),
        ({"error": f"{'w' * 189} canary secret/1"}, "422", "w •••"),  # cut off after 'canary se'
        ({"error": "a\n\x1b[31mb\x00"}, "422", "It says: a [31mb"),
        ({"error": "w" * 900}, "422", "w…"),
        ({"error": ["list"]}, "422", "(422)."),
        (b"<html>Not JSON</html>", "422", "(422)."),
        (b"", "422", "(422)."),
        (b"[" * 50_000, "422", "(422)."),
        ([1], "422", "(422)."),
    ],
)
def test_what_the_server_says(body: Any, code: str, said: str) -> None:
    error = failing(ValueError(), answer(422, body))
    assert error.code == code
    assert error.message.endswith(said)
    assert len(error.message) < 300


def asker(*secrets: str) -> Asker:
    return Asker("Somewhere", GuardedSession(NetworkPolicy()), secrets=lambda: secrets)


def test_a_result_holds_no_secret() -> None:
    said = {"name": "It is canary secret/1", "canary%20secret%2F1": [1, ("canary secret/1",)]}
    told = asker("canary secret/1").ask(lambda: said)
    assert told == {"name": "It is •••", "•••": [1, ("•••",)]}


def test_a_result_without_one_is_the_very_same() -> None:
    said = {"name": "Council", "of": [Identity("1", "council", "Council", "")]}
    assert asker("canary secret/1").ask(lambda: said) is said


def test_an_id_that_a_token_begins_with_stays_as_it_is() -> None:
    """X's own access tokens begin with the number of the account."""
    known = asker("1234567890-made-up-for-this-test")
    assert known.ask(lambda: {"id": "1234567890"}) == {"id": "1234567890"}
    assert known.ask(lambda: "cut off: 1234567890-ma…") == "cut off: •••"
    assert known.redact("cut off: 1234567890-made...") == "cut off: •••"


def test_what_is_a_secret_itself_stays_and_is_nowhere_beside_it() -> None:
    given = Tokens("canary-access-1", "canary-refresh-1", scopes=("read", "canary-refresh-1"))
    assert asker("canary-refresh-1").ask(lambda: given) == replace(given, scopes=("read", "•••"))
    page = "canary-page-token"
    offered = Offered("x", Identity("1", "council", f"It is {page}", ""), page)
    told = asker("canary-refresh-1").ask(lambda: offered)
    assert (told.identity.display_name, told.secret) == ("It is •••", page)


def test_a_password_that_is_a_word_stays_in_results_and_not_in_errors() -> None:
    assert asker("council").ask(lambda: "council.example") == "council.example"
    assert asker("council").redact("Bad council") == "Bad •••"


def test_an_error_of_our_own_holds_no_secret_either() -> None:
    def call() -> None:
        raise Refused("It is called canary secret/1.", code="canary secret/1")

    with pytest.raises(Refused) as caught:
        asker("canary secret/1").ask(call)
    assert (str(caught.value), caught.value.code) == ("It is called •••.", "•••")


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ({"error": "RecordNotFound", "message": "None"}, "RecordNotFound", "None"),
        ({"error": "ExpiredToken"}, "ExpiredToken", ""),
        ({"error": "two words", "message": "m"}, "", "m"),
        ({"error": 7}, "", ""),
    ],
)
def test_errors_with_names(body: Any, code: str, reason: str) -> None:
    assert reason_of(answer(400, body), named=True) == (code, reason)


@pytest.mark.parametrize(
    ("headers", "delay"),
    [
        ({}, None),
        ({"retry_after": "120"}, 120),
        ({"retry_after": "0"}, 0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after": "Mon, 23 Nov 2026 12:02:00 GMT"}, 120),
        ({"retry_after": "Mon, 23 Nov 2026 11:02:00 GMT"}, 0),
        ({"retry_after": "99999999999"}, 86_400),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "inf"}, None),
        ({"retry_after": "-5"}, None),
        ({"retry_after": "x", "ratelimit_reset": "30"}, 30),
        ({"ratelimit_reset": str(int(NOW.timestamp()) + 45)}, 45),
        ({"x_ratelimit_reset": "2026-11-23T12:01:00.123Z"}, 60.123),
        ({"x_ratelimit_reset": "2026-11-23T12:01:00"}, 60),
        ({"retry_after": "٣"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], delay: float | None) -> None:
    found = delay_of(answer(429, **headers), NOW)
    assert found == (None if delay is None else pytest.approx(delay))


@given(st.text(max_size=40))
def test_no_header_breaks_the_clock(value: str) -> None:
    delay = delay_of(answer(429, retry_after=value), NOW)
    assert delay is None or 0 <= delay <= 86_400


@given(st.binary(max_size=200))
def test_no_body_breaks_the_reason(body: bytes) -> None:
    code, reason = reason_of(answer(400, body))
    assert len(code) <= 60
    assert len(reason) <= 200


def test_times_are_utc() -> None:
    assert time_of("2026-11-23T13:00:00+01:00") == NOW
    assert time_of("2026-11-23T12:00:00Z").tzinfo is UTC
    assert time_of(NOW + timedelta(0)) == NOW
    for bad in ("yesterday", None, 7, "", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"):
        with pytest.raises(Malformed):
            time_of(bad)


def test_texts_that_have_to_be_there() -> None:
    assert text_of(17) == "17"
    for bad in ("", None, True, [], {}, "\ud800"):
        with pytest.raises(Malformed):
            text_of(bad)


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (
            {"x_ratelimit_limit": "300", "x_ratelimit_remaining": "7", "x_ratelimit_reset": "12"},
            Allowance(300, 7, 12.0),
        ),
        (
            {
                "ratelimit_limit": "5000",
                "ratelimit_remaining": "0",
                "ratelimit_reset": str(int(NOW.timestamp()) + 60),
            },
            Allowance(5_000, 0, 60.0),
        ),
        (
            {
                "x_ratelimit_limit": "300",
                "x_ratelimit_remaining": "299",
                "x_ratelimit_reset": "2026-11-23T12:05:00.000Z",
            },
            Allowance(300, 299, 300.0),
        ),
        ({"x_ratelimit_limit": "300", "x_ratelimit_remaining": "7"}, None),
        (
            {"x_ratelimit_limit": "-1", "x_ratelimit_remaining": "7", "x_ratelimit_reset": "1"},
            None,
        ),
        (
            {"x_ratelimit_limit": "300", "x_ratelimit_remaining": "x", "x_ratelimit_reset": "1"},
            None,
        ),
        ({}, None),
    ],
)
def test_what_is_left_by_the_headers(headers: dict[str, str], found: Allowance | None) -> None:
    assert allowance_of(answer(**headers), NOW) == found

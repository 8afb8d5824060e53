"""From what happened on the wire to one of the four `PlatformError`s.

The one table of the rules, for every adapter. A message holds the host, the status and at most a
line of the platform's own reason, with every secret blanked out; never a URL, never an answer. What
a server makes of a secret in an answer that went well is blanked out in the same place.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

from platforms.addresses import AddressRefused, GuardError, NotSent, RedirectRefused
from platforms.contract import (
    Allowance,
    AuthorisationLost,
    OutcomeUnknown,
    PlatformError,
    Refused,
    RetryLater,
)
from platforms.guard import Answer, GuardedSession

log = logging.getLogger(__name__)
T = TypeVar("T")

MAX_DELAY_S = 86_400.0
_REASON_LENGTH = 200
_BLANK = "•••"
_CUT = ("…", "...")
_PIECE = 8  # so much of a secret's beginning is as good as a secret
_NO_WORD = 12  # a shorter one, as a password, may be a word of a name or an id
_UNPAID_S = 3_600.0  # credit that is used up comes back when somebody pays
_HALF = re.compile("[\ud800-\udfff]")  # of a pair: no text of UTF-8
_COUNT = re.compile(r"[0-9]{1,9}")
_EPOCH_SINCE = 1_000_000_000  # a reset header above this is a time, below it a number of seconds


class Malformed(Exception):
    """An answer that says 'done' and does not hold what it has to."""


def delay_of(answer: Answer, now: datetime | None = None) -> float | None:
    """Seconds the server asks us to wait (0 to a day), or None when it does not say.

    Retry-After is RFC 9110 10.2.3 (seconds or a date). `ratelimit-reset` is a Unix time at
    Bluesky and seconds in the IETF draft; `X-RateLimit-Reset` is ISO 8601 at Mastodon and a Unix
    time at GoToSocial; `x-rate-limit-reset` is a Unix time at X.
    """
    now = now or datetime.now(UTC)
    for name in ("retry-after", "ratelimit-reset", "x-ratelimit-reset", "x-rate-limit-reset"):
        value = answer.header(name).strip()
        if not value:
            continue
        delay = _seconds(value, now)
        if delay is not None:
            return min(max(delay, 0.0), MAX_DELAY_S)
    return None


def allowance_of(answer: Answer, now: datetime | None = None) -> Allowance | None:
    """What is left by the answer's headers, None when they do not say all of it.

    `X-RateLimit-*` at Mastodon and its like; `ratelimit-*` at Bluesky, as an IETF draft has it;
    `x-rate-limit-*` at X.
    """
    now = now or datetime.now(UTC)
    for prefix in ("x-ratelimit-", "ratelimit-", "x-rate-limit-"):
        limit, left = (answer.header(prefix + name).strip() for name in ("limit", "remaining"))
        reset = _seconds(answer.header(prefix + "reset").strip(), now)
        if _COUNT.fullmatch(limit) and _COUNT.fullmatch(left) and reset is not None:
            return Allowance(int(limit), int(left), min(max(reset, 0.0), MAX_DELAY_S))
    return None


def _seconds(value: str, now: datetime) -> float | None:
    if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", value, re.ASCII):
        number = float(value)
        return number - now.timestamp() if number > _EPOCH_SINCE else number
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            at = parse(value)
        except (ValueError, TypeError, OverflowError):
            continue
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        return (at - now).total_seconds()
    return None


def reason_of(answer: Answer, *, named: bool = False) -> tuple[str, str]:
    """The server's own short code and its reason, one line each, '' when it gives none.

    `named`: 'error' is the name of the error and 'message' the sentence (AT Protocol); otherwise
    'error' is the sentence (Mastodon) unless there is a longer one (OAuth, 'detail' at X). Where
    'error' is an object, it holds code and message itself (Graph API).
    """
    try:
        told = json.loads(answer.body[:20_000])
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(told, dict):
        return "", ""
    error = told.get("error")
    if isinstance(error, dict):
        told, code = error, error.get("code")
        error = str(code) if isinstance(code, int) and not isinstance(code, bool) else None
        named = True
    elif isinstance(told.get("code"), str) and isinstance(told.get("message"), str):
        error, named = told["code"], True  # LinkedIn
    words = ("error_user_msg", "message", "error_description", "detail")
    sentences = (*(told.get(word) for word in words), None if named else error)
    reason = next((_line(text) for text in sentences if isinstance(text, str) and text), "")
    if named and isinstance(error, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{1,60}", error):
        return error, reason
    return "", reason


def _line(text: str) -> str:
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _REASON_LENGTH else text[: _REASON_LENGTH - 1] + "…"


class Asker:
    """Asks one server as one account and tells failures as PlatformErrors.

    `who` is the platform's name; `secrets` gives what must never appear in a message, at the
    time of the failure; `lost` recognises answers other than 401 that mean the credentials are
    no longer good; `named`: see `reason_of`; `sort` says for an answer (and whether it is to a
    write) what it means where the platform's own codes say more than the status, and blanks out
    nothing itself. The code of an error is its name, or its status.
    """

    def __init__(
        self,
        who: str,
        session: GuardedSession,
        *,
        secrets: Callable[[], Iterable[str]],
        lost: Callable[[Answer], bool] = lambda _answer: False,
        named: bool = False,
        sort: Callable[[Answer, bool], PlatformError | None] = lambda _answer, _writes: None,
    ) -> None:
        self._who = who
        self._sort = sort
        self._session = session
        self._secrets = secrets
        self._lost = lost
        self._named = named

    def ask(self, call: Callable[[], T], *, writes: bool = False) -> T:
        """The result of `call`, which also picks out what it needs of the answer.

        `writes`: the call changes something there, so no answer means that nobody knows.
        """
        self._session.forget()
        try:
            return self.cleared(call())
        except PlatformError as error:
            self._blank(error)
            raise
        except Exception as exc:  # noqa: BLE001 - whatever a client library raises is sorted here
            failure = self._failure(exc, writes)
            self._blank(failure)
        # Raised out here so that the library's exception, which may hold a whole answer or a
        # header with the token, hangs on nothing that is logged.
        raise failure

    def _failure(self, exc: Exception, writes: bool) -> PlatformError:
        guard = _guard_error(exc)
        if guard is not None:
            return self._from_guard(guard, writes)
        answer = self._session.last
        if not self._session.asked:
            log.warning("%s: a request could not be made: %s", self._who, type(exc).__name__)
            return Refused(f"The request to {self._who} could not be made.", code="not_sent")
        if answer is not None and answer.status >= 400:
            return self._from_status(answer, writes)
        if not isinstance(exc, Malformed):
            log.info("%s: unreadable answer: %s", self._who, type(exc).__name__)
        message = f"{self._who} gave an answer that cannot be understood."
        if writes:
            return OutcomeUnknown(message, code="unreadable", down=True)
        return RetryLater(message, code="unreadable", down=True)

    def _from_guard(self, guard: GuardError, writes: bool) -> PlatformError:
        if isinstance(guard, AddressRefused):
            return Refused(guard.reason, code="address_refused")
        if isinstance(guard, RedirectRefused):
            if guard.acted:
                return OutcomeUnknown(guard.reason, code="redirect")
            return Refused(guard.reason, code="redirect")
        if isinstance(guard, NotSent) or not writes:
            return RetryLater(guard.reason, code="no_answer", down=True)
        return OutcomeUnknown(guard.reason, code="no_answer", down=True)

    def _from_status(self, answer: Answer, writes: bool) -> PlatformError:
        status = answer.status
        sorted_ = self._sort(answer, writes)
        if sorted_ is not None:
            return sorted_
        code, reason = reason_of(answer, named=self._named)
        code = code or str(status)
        said = f" It says: {reason}" if reason else ""
        if status == 401 or self._lost(answer):
            return AuthorisationLost(
                f"{self._who} does not accept the credentials of this account.{said}", code=code
            )
        if status == 402:
            return RetryLater(
                f"{self._who} wants to be paid before it does more.{said}",
                code=code,
                delay_s=_UNPAID_S,
                too_much=True,
            )
        if status == 429:
            return RetryLater(
                f"{self._who} wants us to slow down.",
                code=code,
                delay_s=delay_of(answer),
                too_much=True,
            )
        if status in (408, 425):  # the server did not take the request in
            return RetryLater(
                f"{self._who} could not take the request.", code=code, delay_s=delay_of(answer)
            )
        if status >= 500:
            message = f"{self._who} has a fault of its own ({status})."
            if writes:
                return OutcomeUnknown(message, code=code, down=True)
            return RetryLater(message, code=code, down=True, delay_s=delay_of(answer))
        return Refused(f"{self._who} refused this ({status}).{said}", code=code)

    def allowance(self) -> Allowance | None:
        """What the newest answer says is left."""
        answer = self._session.last
        return allowance_of(answer) if answer is not None else None

    def redact(self, text: str) -> str:
        """`text` without any of the secrets, also as they look in a URL or cut off at its end."""
        return _without(text, _forms(self._secrets(), least=4))

    def cleared(self, result: T) -> T:
        """`result` without them in any text of it. What a dataclass keeps out of its repr stays."""
        done: T = _cleared(result, _forms(self._secrets(), least=_NO_WORD))
        return done

    def _blank(self, error: PlatformError) -> None:
        error.message, error.code = self.redact(error.message), self.redact(error.code)
        error.args = (error.message,)


def _forms(secrets: Iterable[str], *, least: int) -> list[str]:
    both = (form for secret in secrets for form in {secret, quote(secret, safe="")})
    return [form for form in both if len(form) >= least]


def _without(text: str, forms: Iterable[str]) -> str:
    for form in forms:
        if form in text:
            text = text.replace(form, _BLANK)
        # Whoever shortened it saw no secret in it. Where nothing was cut off, a beginning may be
        # told on purpose: X's access tokens begin with the account's own id.
        at = text.rfind(form[:_PIECE]) if text.endswith(_CUT) else -1
        if at >= 0 and len(form) > _PIECE and form.startswith(text[at:].rstrip("….")):
            text = text[:at] + _BLANK
    return text


def _cleared(value: Any, forms: Sequence[str]) -> Any:
    """The very same where there is nothing to clear."""
    if isinstance(value, str):
        return _without(value, forms)
    if isinstance(value, Mapping):
        pairs = {_cleared(key, forms): _cleared(one, forms) for key, one in value.items()}
        return value if _same(pairs.items(), value.items()) else pairs
    if isinstance(value, (list, tuple)):
        items = [_cleared(one, forms) for one in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if is_dataclass(value) and not isinstance(value, type):
        return _cleared_fields(value, forms)
    return value


def _same(new: Iterable[tuple[Any, Any]], old: Iterable[tuple[Any, Any]]) -> bool:
    return all(a is c and b is d for (a, b), (c, d) in zip(new, old, strict=False))


def _cleared_fields(value: Any, forms: Sequence[str]) -> Any:
    """What is kept out of the repr is a secret itself, and is in nothing beside it either."""
    told = {one.name: getattr(value, one.name) for one in fields(value) if one.repr}
    kept = (getattr(value, one.name) for one in fields(value) if not one.repr)
    own = _forms((one for one in kept if isinstance(one, str)), least=_NO_WORD)
    new = {name: _cleared(one, [*forms, *own]) for name, one in told.items()}
    changed = {name: one for name, one in new.items() if one is not told[name]}
    return replace(value, **changed) if changed else value


def _guard_error(exc: BaseException) -> GuardError | None:
    """The GuardError behind a client library's own exception, if there is one."""
    seen: BaseException | None = exc
    for _ in range(10):
        if seen is None or isinstance(seen, GuardError):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def time_of(value: object) -> datetime:
    """A time in UTC from ISO 8601 text or a datetime; raises Malformed."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise Malformed("a time that is none") from None
    if not isinstance(value, datetime):
        raise Malformed("no time")
    try:
        return value.astimezone(UTC) if value.tzinfo is not None else value.replace(tzinfo=UTC)
    except OverflowError:  # the first or last day of the calendar, in another zone
        raise Malformed("a time that is none") from None


def text_of(value: object) -> str:
    """A text that has to be there, not be empty and can be stored; raises Malformed. Numbers are
    taken as text.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value or _HALF.search(value):
        raise Malformed("a field that has to be there is not")
    return str(value)

"""One claimed message on its way: by e-mail or to a webhook, and what came of it.

Whoever gets it may get it twice: a worker that dies between sending and noting it is sent anew.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from smtplib import SMTPException

import requests
import structlog
from django.core.mail import EmailMessage
from django.utils import timezone

from accounts.connections import network_policy
from accounts.models import User
from accounts.sealing import SealBroken
from audit.actors import Actor
from operations.models import Channel, Destination, Message, MessageState
from operations.recipients import destination_behind, user_behind
from operations.services.messages import message_give_up, message_note_sent
from operations.wording import Words, body_for, mail_for, trial_words, words_of
from platforms.addresses import GuardError
from platforms.guard import GuardedSession

log = structlog.get_logger(__name__)
SENDER = Actor.worker("alerts")
FIRST_PAUSE_S = 15
LONGEST_PAUSE_S = 900
GIVE_UP_AFTER = timedelta(hours=24)


class NotDelivered(Exception):  # says what happened
    """The message did not arrive. `reason` is for people and names no path and no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def send(message: Message) -> str:
    """Send a claimed message; returns the state it is in then."""
    who = _behind(message.target)
    alerts = list(
        message.alerts.filter(settled_at=None)
        .select_related("account", "delivery")
        .order_by("raised_at", "pk")
    )
    if who is None or not (alerts or message.is_test):
        return _end(message, MessageState.EMPTY)
    words = trial_words(str(who)) if message.is_test else words_of(alerts)
    try:
        _deliver(who, words)
    except NotDelivered as failure:
        return _failed(message, who, failure.reason)
    message_note_sent(actor=SENDER, message=message, who=who, alerts=alerts)
    return MessageState.SENT


def backoff(tries: int) -> timedelta:
    """How long to wait after `tries` failures: 15 s, doubling to 15 min."""
    return timedelta(seconds=min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** max(0, tries - 1)))


def _behind(target: str) -> User | Destination | str | None:
    kind, _, key = target.partition(":")
    return key if kind == "address" else user_behind(target) or destination_behind(target)


def _deliver(who: User | Destination | str, words: Words) -> None:
    if isinstance(who, Destination):
        try:
            address = str(who.address)
        except SealBroken as broken:
            raise NotDelivered(f"{broken} Enter the address anew.") from None
        if who.channel != Channel.EMAIL:
            return _post(address, body_for(Channel(who.channel), words))
    else:
        address = who.email if isinstance(who, User) else who
    return _mail(address, words)


def _mail(address: str, words: Words) -> None:
    subject, body = mail_for(words)
    try:
        EmailMessage(subject, body, None, [address]).send()
    except (SMTPException, OSError) as error:
        # The server's own words may repeat the address or the password it was given.
        raise NotDelivered(f"The mail server did not take it ({type(error).__name__}).") from None


def _post(address: str, body: dict[str, object]) -> None:
    try:
        with GuardedSession(network_policy()) as session:
            answer = session.post(address, json=body)
    except GuardError as error:
        raise NotDelivered(error.reason) from None
    except requests.RequestException as error:
        raise NotDelivered(f"The webhook could not be asked ({type(error).__name__}).") from None
    if not answer.ok:
        raise NotDelivered(f"The webhook answered {answer.status_code}.")


def _failed(message: Message, who: User | Destination | str, reason: str) -> str:
    log.warning("alert_not_delivered", message=message.pk, tries=message.tries, reason=reason)
    now = timezone.now()
    if message.is_test or message.created_at < now - GIVE_UP_AFTER:
        message_give_up(actor=SENDER, message=message, who=who, reason=reason)
        return MessageState.GIVEN_UP
    return _end(
        message, MessageState.SENDING, problem=reason, next_try_at=now + backoff(message.tries)
    )


def _end(
    message: Message, state: MessageState, problem: str = "", next_try_at: datetime | None = None
) -> str:
    """Give the message back; what became of it is book-keeping until it arrived or was given up."""
    Message.objects.filter(pk=message.pk, tries=message.tries).update(
        state=state,
        lease_until=None,
        problem=problem[:300],
        next_try_at=next_try_at or message.next_try_at,
    )
    return state

"""No secret is seen anywhere, whatever a platform makes of what it knows.

Canaries are planted as secrets; the platform's server says them wherever it may say something,
while the services that speak to it run. Then all that is kept, logged, mailed or shown is searched.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.core import mail
from django.db import connection
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone

from accounts import tasks
from accounts.connections import open_account
from accounts.errors import Invalid
from accounts.health import account_check
from accounts.levels import Level
from accounts.models import AuthorisationRequest, Credential, Lockdown, SocialAccount
from accounts.services.lockdowns import account_lock_down
from audit.models import Event
from mentions.models import Conversation
from mentions.polling import claim_account, poll
from mentions.tasks import POLLER
from operations import outbox
from operations.models import Message
from operations.tasks import send_alerts
from platforms.contract import PlatformError
from platforms.failures import Asker
from scheduling.engine.prepare import prepare
from scheduling.engine.reconcile import reconcile
from scheduling.models import Attempt, Delivery, Post
from scheduling.states import State
from scheduling.withdrawal import withdraw
from tests.accounts.flow import CODE, app_of, begin, choose, come_back, network
from tests.factories import COMMAND, add_media, give, person
from tests.platforms.server import Fault, Reply
from tests.platforms.world import Match, World
from tests.platforms.worlds import WORLDS
from tests.scheduling import files
from tests.scheduling.conftest import Desk, desk_of, fall_due, run_due

pytestmark = pytest.mark.django_db
WORDS = frozenset(
    {
        *("name", "username", "acct", "handle", "display_name", "displayName", "title"),
        *("description", "note", "text", "content", "url", "scope"),
        *("message", "caption", "commentary", "localizedName", "vanityName", "permission"),
        *("permalink", "permalink_url", "link"),
    }
)
"""Where an answer that goes well has words or addresses that are shown."""
EVERYWHERE = {"x", "mastodon", "bluesky"}
ELSEWHERE = (
    *("my_day", "platform_apps", "accounts:register", "accounts:register_csv", "audit:record"),
    *("audit:export", "audit:activity", "operations:overview", "scheduling:calendar"),
    *("scheduling:held", "mentions:inbox"),
)
KNOWN_BY = 16  # so much of a canary is as bad as all of it


TOKENS = {
    "x": ("access", "refresh"),
    "linkedin": ("secret", "refresh"),
    "bluesky": ("password",),
    "sandbox": ("token",),
}
"""What holds the tokens in force of a fake, where it is not its `secret`."""


class Parrot:
    """Makes a world's server say the secrets that it was given."""

    def __init__(self, world: World, *, pasted: bool = False) -> None:
        self.world = world
        self.is_pasted = pasted or world.info.oauth is None
        self.app = ""  # its secret, from the first sign-in on
        self.once: list[str] = []  # code, state and verifier of a sign-in, while it lasts
        self.spent: list[str] = []
        self.given = False  # the tokens; what Socialdesk never had, it cannot know again
        self.answers = 0

    def in_force(self) -> list[str]:
        fake: Any = self.world.server
        if self.world.key == "bluesky" and not self.is_pasted:
            return [*fake.sign_in.issued[-2:], self.app]
        tokens = [getattr(fake, name) for name in TOKENS.get(self.world.key, ("secret",))]
        issued = fake.issued[-2:] if self.world.key == "bluesky" else []
        app = [] if self.is_pasted else [app_of(self.world)[1]]
        return [*(tokens if self.given else []), *issued, *app]

    def canaries(self) -> list[str]:
        fake: Any = self.world.server
        if not self.is_pasted:
            fake = getattr(fake, "sign_in", fake)
        return [*self.in_force(), *getattr(fake, "issued", []), *self.spent]

    def _said(self, asked: Any) -> str:
        """What this request may have been made with."""
        sent = [asked.one(name) for name in ("appsecret_proof", "fb_exchange_token")]
        sent.append(asked.headers.get("authorization", "").partition("Bearer ")[2])
        sent = [one for one in sent if len(one) > KNOWN_BY]  # Threads' short-lived is a word
        self.spent += [one for one in sent if one not in self.spent]
        once = self.once if _is_token_server(asked) else []
        return " ".join([*once, *sent, *self.in_force()])

    def _echo(self, data: Any, said: str) -> Any:
        if isinstance(data, list):
            return [self._echo(one, said) for one in data]
        if not isinstance(data, dict):
            return data
        return {
            key: self._spoilt(key, one, said)
            if key in WORDS and isinstance(one, str)
            else self._echo(one, said)
            for key, one in data.items()
        }

    def _spoilt(self, key: str, text: str, said: str) -> str:
        return f"{text}?access_token={quote(said)}" if key == "url" else f"{text} {said}"

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """All goes well, and every answer says the secrets."""
        said = ""

        def match(asked: Any) -> bool:
            nonlocal said
            said = self._said(asked)
            return True

        def change(data: Any) -> Any:
            self.answers += 1
            return self._echo(data, said)

        with self.world.server.going_wrong(Fault(match=match, change=change)):
            yield

    @contextmanager
    def refusing(self, status: int, only: Match = lambda _asked: True) -> Iterator[None]:
        """All goes wrong, or only these requests; and every answer says why."""

        def match(asked: Any) -> bool:
            if not only(asked):
                return False
            self.answers += 1
            fault.reply = self._refusal(status, self._said(asked))
            return True

        fault = Fault(match=match)
        with self.world.server.going_wrong(fault):
            yield

    def _refusal(self, status: int, said: str) -> Reply:
        words = ("error", "error_description", "message", "title", "detail")
        told: dict[str, Any] = dict.fromkeys(words, f"Bad {said}")
        if self.world.key in ("facebook", "instagram", "threads"):
            told["error"] = {"message": f"Bad {said}", "code": 100, "fbtrace_id": said}
        return Reply(status, told | {"errors": [{"message": said}]}, headers={"X-Said": said})


def _is_token_server(asked: Any) -> bool:
    return "oauth" in asked.path or "access_token" in asked.path


@pytest.fixture(params=[*(key for key in WORLDS if key != "gotosocial"), "bluesky, pasted"])
def parrot(request: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parrot]:
    settings.BASE_URL = "https://desk.example.org"  # from where pictures are fetched
    key, _, pasted = request.param.partition(", ")
    with network(key, settings, monkeypatch) as world:
        yield Parrot(world, pasted=bool(pasted))


def test_a_secret_that_a_platform_says_is_nowhere_to_be_seen(
    parrot: Parrot, administrator: Any, sign_in: Any, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    seen = lived_through(parrot, administrator, sign_in)
    seen |= stored() | {
        f"page {name}": text for name, text in pages(parrot, sign_in, administrator)
    }
    seen["log"] = log_of(caplog)
    seen["mail"] = "\n".join(f"{one.subject}\n{one.body}" for one in mail.outbox)
    places = found(parrot, seen)
    assert not places, "\n".join(map(repr, places))
    assert mail.outbox
    assert parrot.answers > 20
    assert "•••" in seen["table audit_event"], "nothing was said that would have been seen"


def test_they_would_be_found(
    administrator: Any, sign_in: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Asker, "redact", lambda self, text: text)
    monkeypatch.setattr(Asker, "cleared", lambda self, result: result)
    with network("mastodon", settings, monkeypatch) as world:
        parrot = Parrot(world)
        connect(parrot, administrator, sign_in)
        account = SocialAccount.objects.get()
        with parrot.refusing(400):
            account_check(actor=COMMAND, account=account)
        seen = {where for where, _ in found(parrot, stored())}
    assert {"table audit_event", "table accounts_socialaccount"} <= seen


# --- what happens ---------------------------------------------------------------------------------


def lived_through(parrot: Parrot, administrator: Any, sign_in: Any) -> dict[str, str]:
    """An account from being connected to being locked down; what people were told on the way."""
    told = connect(parrot, administrator, sign_in)
    desk = desk_of(SocialAccount.objects.get())
    told |= renewed_and_checked(parrot)
    told |= read(parrot, desk)
    told |= published(parrot, desk)
    outbox.route()
    Message.objects.update(next_try_at=timezone.now())
    send_alerts()
    return told | locked_down(parrot, desk)


def connect(parrot: Parrot, administrator: Any, sign_in: Any) -> dict[str, str]:
    client = sign_in(administrator)
    if parrot.is_pasted:
        return pasted(parrot, client, administrator)
    back = came_back(parrot, client, parrot.refusing(400))
    told = {"not connected": client.get(back["Location"]).content.decode()}
    parrot.given = True
    back = came_back(parrot, client, parrot.speaking())
    with parrot.speaking():
        shown = client.get(back["Location"])
        ours = (parrot.world.key, parrot.world.remote_id)
        offered = [(one.platform, one.identity.remote_id) for one, _ in shown.context["rows"]]
        number = offered.index(ours)
        done = choose(client, back["Location"], number, owner=administrator.email)
    account = SocialAccount.objects.get()
    assert done["Location"] == reverse("accounts:account", args=[account.pk])
    found_ = shown.content.decode()
    return told | {"back": back["Location"], "found": found_, "addresses": done["Location"]}


def came_back(parrot: Parrot, client: Any, server: AbstractContextManager[None]) -> Any:
    asked = begin(client, parrot.world)
    parrot.app = app_of(parrot.world)[1]
    verifier = AuthorisationRequest.objects.get(used_at=None).verifier
    parrot.once = [one for one in (CODE, asked["state"], verifier) if one]
    if verifier.startswith("{"):  # with the key that the tokens will be bound to
        told = json.loads(verifier)
        parrot.once += [told["verifier"], told["key"]]
    parrot.spent += parrot.once
    with server:
        back = come_back(client, parrot.world.key, code=CODE, state=asked["state"])
    parrot.once = []
    return back


def pasted(parrot: Parrot, client: Any, administrator: Any) -> dict[str, str]:
    world, parrot.given = parrot.world, True
    address = reverse("accounts:connect_to", args=[world.key])
    given = {"handle": world.handle, "secret": world.secret, "base_url": world.server.url}
    given |= {"owner": administrator.email, "time_zone": "Europe/London"}
    told = {}
    for status in (400, 401, 500):
        with parrot.refusing(status):
            answer = client.post(address, given)
            assert answer.status_code == 422
            told[f"not connected, {status}"] = answer.content.decode()
    with parrot.speaking():
        assert client.post(address, given).status_code == 302
    return told


def account_now() -> SocialAccount:
    return SocialAccount.objects.select_related("credential__app").get()


def renewed_and_checked(parrot: Parrot) -> dict[str, str]:
    told = {}
    with parrot.speaking():
        renew()
        account_check(actor=COMMAND, account=account_now())
    for status in (500, 400):
        with parrot.refusing(status):
            renew()
    for status in (400, 403, 500):
        with parrot.refusing(status):
            told[f"check {status}"] = repr(account_check(actor=COMMAND, account=account_now()))
    return told


def renew() -> None:
    Credential.objects.update(renew_at=timezone.now())
    tasks.renew_tokens()


def read(parrot: Parrot, desk: Desk) -> dict[str, str]:
    parrot.world.mention("Is the bridge open?")
    for status in (403, 400, 500):
        with parrot.refusing(status):
            assert claim_account(desk.account)
            poll(desk.account.pk, actor=POLLER)
    with parrot.speaking():
        assert claim_account(desk.account)
        poll(desk.account.pk, actor=POLLER)
    assert Conversation.objects.exists()
    told = {}
    for name in ("hide", "show", "remove", "block", "unblock", "delete"):
        with parrot.refusing(403), pytest.raises(PlatformError) as caught:
            getattr(open_account(account_now()), name)("1")
        told[name] = f"{caught.value!r} {caught.value.message} {caught.value.code}"
    return told


def published(parrot: Parrot, desk: Desk) -> dict[str, str]:
    ahead = scheduled(parrot, desk, "Not yet.")
    SocialAccount.objects.update(last_success_at=None)
    with parrot.refusing(400):
        told = {"prepared": prepare(ahead.pk)}
    delivery = fall_due(scheduled(parrot, desk, "Out it goes."))
    with parrot.speaking():
        assert run_due() == ["published"]
    for status in (400, 403):
        fall_due(scheduled(parrot, desk, f"This one meets {status}."))
        with parrot.refusing(status):
            run_due()
    fall_due(scheduled(parrot, desk, "This one meets 500."))
    with parrot.refusing(500, only=parrot.world.writes):
        run_due()
    doubtful = Delivery.objects.filter(state=State.UNKNOWN).first()
    assert doubtful is not None
    long_ago = timezone.now() - timedelta(minutes=5)
    Attempt.objects.update(started_at=long_ago, finished_at=long_ago)
    with parrot.refusing(400):
        reconcile(doubtful.pk)
    with parrot.speaking():
        reconcile(doubtful.pk)
    delivery.refresh_from_db()
    with parrot.refusing(403), pytest.raises(Invalid) as caught:
        withdraw(actor=person(desk.manager), delivery=delivery, reason="Wrong")
    fall_due(scheduled(parrot, desk, "This one meets 401."))
    with parrot.refusing(401):
        run_due()
    return told | {"withdrawn": caught.value.message}


def scheduled(parrot: Parrot, desk: Desk, text: str) -> Delivery:
    """A post as this network takes it: with a picture, where it has to be one."""
    world: Any = parrot.world
    if not world.info.limits.media_required:
        return desk.scheduled(text=text)
    world.fake.fetch = lambda url: world.fake.public.setdefault(url, b"fetched")
    media = add_media(person(desk.publisher), files.upload(files.picture("JPEG")))
    return desk.scheduled(text=text, pictures=[(media.pk, "The bridge")])


def locked_down(parrot: Parrot, desk: Desk) -> dict[str, str]:
    account_lock_down(actor=person(desk.manager), account=account_now(), reason="Taken over")
    for status in (500, 403):
        Lockdown.objects.update(next_try_at=timezone.now())
        with parrot.refusing(status):
            tasks.revoke_tokens()
    return {"lockdown": Lockdown.objects.get().note}


# --- where it may be seen -------------------------------------------------------------------------


def stored() -> dict[str, str]:
    """Every row of every table as the database has it: what is sealed there is no canary."""
    tables = connection.introspection.table_names()
    rows = {}
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT row_to_json(t)::text FROM "{table}" t')
            rows[f"table {table}"] = "\n".join(text for (text,) in cursor.fetchall())
    return rows


def pages(parrot: Parrot, sign_in: Any, user: Any) -> Iterator[tuple[str, str]]:
    """Where the account is shown; and on some networks' walks, whatever else there is, which shows
    nothing but what is stored."""
    user.is_auditor = True
    user.save(update_fields=["is_auditor"])
    client, account = sign_in(user), SocialAccount.objects.get()
    give(user, Level.MANAGER, account)
    names = ["accounts:account", "accounts:reconnect", "audit:account_life"]
    addresses = [reverse(name, args=[account.pk]) for name in names]
    names = ["accounts:full_register", "operations:alerts", "operations:platforms"]
    addresses += [reverse(name) for name in (*names, "scheduling:unknown_list")]
    if parrot.world.key in EVERYWHERE:
        addresses += [reverse(name) for name in ELSEWHERE]
        addresses += [reverse("audit:event", args=[pk]) for pk in one_of_each()]
    for pk in Post.objects.values_list("pk", flat=True):
        addresses += [reverse(f"scheduling:{name}", args=[pk]) for name in ("post", "story")]
    for pk in Conversation.objects.values_list("pk", flat=True):
        addresses.append(reverse("mentions:conversation", args=[pk]))
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200, address
        body = b"".join(answer) if answer.streaming else answer.content
        yield address, f"{json.dumps(dict(answer.items()))}\n{body.decode()}"


def one_of_each() -> Any:
    """An event of each name; the database has been searched for all of them."""
    return Event.objects.values("name").annotate(newest=Max("pk")).values_list("newest", flat=True)


def log_of(caplog: Any) -> str:
    formatter = logging.Formatter()
    return "\n".join(f"{formatter.format(one)} {vars(one)!r}" for one in caplog.records)


def found(parrot: Parrot, seen: dict[str, str]) -> list[tuple[str, str]]:
    """Where a canary, or a piece of one, is."""
    pieces = {form[:KNOWN_BY] for one in parrot.canaries() for form in (one, quote(one, safe=""))}
    assert all(len(piece) > KNOWN_BY - 4 for piece in pieces)
    return [
        (where, text[max(0, text.find(piece) - 100) : text.find(piece) + 40])
        for where, text in seen.items()
        for piece in pieces
        if piece in text
    ]

"""The pages of accounts and levels, used as a person uses them."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.levels import Level
from accounts.models import Credential, Grant, SocialAccount
from accounts.models.social import Health
from audit.models import Event
from tests.factories import (
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
)
from tests.platforms.server import FakeServer, Reply

pytestmark = pytest.mark.django_db
CANARY = "canary-secret-typed-77"


@pytest.fixture
def manager():
    return UserFactory(full_name="Mara Manager")


@pytest.fixture
def account(manager):
    made = SocialAccountFactory(display_name="Northmoor Fire", owner=manager)
    give(manager, Level.MANAGER, made)
    return made


@pytest.fixture
def at(account):
    return lambda name, *more: reverse(f"accounts:{name}", args=[account.pk, *more])


def text_of(answer):
    return answer.content.decode()


# --- the register -------------------------------------------------------------------------------


@pytest.fixture
def several(manager):
    now = timezone.now()
    rows = {
        "Working": {"checked_at": now},
        "Shaky": {"health": Health.TROUBLED, "checked_at": now},
        "Lost": {"health": Health.LOST, "checked_at": now},
        "Icy": {"frozen_at": now, "frozen_reason": "x", "checked_at": now},
        "Gone": {"disconnected_at": now, "checked_at": now},
        "Fresh": {"platform": "bluesky"},
    }
    for name, how in rows.items():
        give(manager, Level.VIEWER, SocialAccountFactory(display_name=f"{name} one", **how))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, {"Working", "Shaky", "Lost", "Icy", "Gone", "Fresh"}),
        ({"health": "healthy"}, {"Working", "Fresh"}),
        ({"health": "troubled"}, {"Shaky"}),
        ({"health": "lost"}, {"Lost", "Gone"}),
        ({"health": "frozen"}, {"Icy"}),
        ({"health": "nonsense"}, {"Working", "Shaky", "Lost", "Icy", "Gone", "Fresh"}),
        ({"platform": "bluesky"}, {"Fresh"}),
        ({"q": "wORK"}, {"Working"}),
        ({"q": "@account"}, {"Working", "Shaky", "Lost", "Icy", "Gone", "Fresh"}),
        ({"q": "nothing called so"}, set()),
        ({"at": "not-a-cursor"}, {"Working", "Shaky", "Lost", "Icy", "Gone", "Fresh"}),
    ],
)
def test_the_register_is_filtered(several, manager, sign_in, asked, found):
    page = text_of(sign_in(manager).get(reverse("accounts:register"), asked))
    main = page.partition("<main")[2].partition("</main>")[0]
    shown = {n for n in ("Working", "Shaky", "Lost", "Icy", "Gone", "Fresh") if f"{n} one" in main}
    assert shown == found
    assert ("No account matches these filters" in main) == (not found)


def test_conditions_are_said_in_words(several, manager, sign_in):
    page = text_of(sign_in(manager).get(reverse("accounts:register")))
    for words in ("Working", "Not answering", "Needs reconnecting", "Frozen", "Not checked yet"):
        assert words in page


def test_a_long_register_is_read_page_by_page(manager, sign_in):
    for n in range(103):
        give(manager, Level.VIEWER, SocialAccountFactory(display_name=f"Account {n % 7}"))
    client, url, seen = sign_in(manager), reverse("accounts:register"), []
    query = "?health=healthy"
    for _ in range(3):
        answer = client.get(url + query)
        seen += [a.pk for a in answer.context["accounts"]]
        query = answer.context["after_url"]
    assert query == ""
    assert sorted(seen) == sorted(SocialAccount.objects.values_list("pk", flat=True))
    assert len(set(seen)) == 103
    back = client.get(url + answer.context["before_url"])
    assert [a.pk for a in back.context["accounts"]] == seen[50:100]
    assert "health=healthy" in back.context["before_url"], "the filter is kept"
    first = client.get(url + back.context["before_url"])
    assert [a.pk for a in first.context["accounts"]] == seen[:50]
    assert first.context["before_url"] == ""


# --- connecting -----------------------------------------------------------------------------------


def fields(administrator, network, secret, **other):
    return {
        "handle": "northmoor_fire_test",
        "base_url": network,
        "secret": secret,
        "owner": administrator.email,
        "purpose": "Warnings",
        "time_zone": "europe/london",
        "approval_required": "on",
        **other,
    }


@pytest.fixture
def connect(administrator, sign_in):
    client = sign_in(administrator)

    def post(**data):
        return client.post(reverse("accounts:connect_to", args=["sandbox"]), data)

    return post


def test_an_account_is_connected_and_its_secret_is_seen_nowhere(
    sandbox, administrator, connect, sign_in, caplog
):
    there = sandbox.open_account("fire_connects", "Fire")
    answer = connect(**fields(administrator, sandbox.url, there.secret))
    account = SocialAccount.objects.get()
    assert answer["Location"] == reverse("accounts:account", args=[account.pk])
    assert (account.remote_id, account.handle) == (there.remote_id, "fire_connects")
    assert (account.time_zone, account.purpose) == ("Europe/London", "Warnings")
    assert account.approval_required
    assert account.owner == administrator
    assert account.condition == "healthy"
    assert Credential.objects.get().secret == there.secret
    pages = [
        text_of(sign_in(administrator).get(reverse(f"accounts:{name}", args=[account.pk])))
        for name in ("account", "change", "reconnect")
    ]
    for words in (*pages, caplog.text, str(list(Event.objects.values()))):
        assert there.secret not in words
    event = Event.objects.get(name="account.connected")
    assert event.actor_id == administrator.pk


def test_the_same_account_is_connected_once(sandbox, administrator, connect):
    there = sandbox.open_account("fire_twice")
    connect(**fields(administrator, sandbox.url, there.secret))
    answer = connect(**fields(administrator, sandbox.url, there.secret))
    assert answer.status_code == 422
    assert "connected already" in text_of(answer)
    assert SocialAccount.objects.count() == 1


def kept_but_not_the_secret(answer):
    page = text_of(answer)
    assert answer.status_code == 422
    assert CANARY not in page
    assert 'value="Warnings"' in page
    assert 'value="northmoor_fire_test"' in page
    assert not SocialAccount.objects.exists()
    assert not Credential.objects.exists()
    return answer.context["form"].errors


def test_wrong_credentials_are_said_at_the_secret(sandbox, administrator, connect, caplog):
    errors = kept_but_not_the_secret(connect(**fields(administrator, sandbox.url, CANARY)))
    assert "did not accept" in errors["secret"][0]
    assert CANARY not in caplog.text


def test_a_server_that_is_not_there(administrator, connect, settings):
    settings.ALLOW_PRIVATE_HOSTS = frozenset({"127.0.0.1:1"})
    answer = connect(**fields(administrator, "http://127.0.0.1:1", CANARY))
    assert "could not be reached" in kept_but_not_the_secret(answer)["base_url"][0]


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:1", "http://[::1]:8000", "http://169.254.169.254", "http://10.0.0.1"],
)
def test_a_private_address_is_refused(administrator, connect, settings, address):
    settings.ALLOW_PRIVATE_HOSTS = frozenset()
    errors = kept_but_not_the_secret(connect(**fields(administrator, address, CANARY)))
    assert errors["base_url"]


@pytest.mark.parametrize(
    "address",
    [
        "ftp://example.org",
        "https://user:pw@example.org",
        "https://example.org/api",
        "http://",
        "https://[::1",
    ],
)
def test_an_address_that_is_none_is_refused(administrator, connect, address):
    errors = kept_but_not_the_secret(connect(**fields(administrator, address, CANARY)))
    assert errors["base_url"]


class Hostile(FakeServer):
    reply = Reply(200, {})

    def route(self, asked):
        return self.reply


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500, {"error": "boom"}),
        Reply(200, None, b"<html>Welcome to nginx</html>", {"Content-Type": "text/html"}),
        Reply(200, None, b"[" * 200_000),
        Reply(200, {"unexpected": ["shape"]}),
        Reply(302, None, b"", {"Location": "http://169.254.169.254/latest/meta-data/"}),
        Reply(200, None, b"x" * 10_000_000),
    ],
    ids=["500", "html", "deep", "shape", "redirect inward", "10 MB"],
)
def test_a_hostile_server_gets_nothing_in_and_nothing_out(administrator, connect, settings, reply):
    server = Hostile()
    server.reply = reply
    settings.ALLOW_PRIVATE_HOSTS = frozenset({server.private_host})
    try:
        answer = connect(**fields(administrator, server.url, CANARY))
    finally:
        server.close()
    errors = kept_but_not_the_secret(answer)
    assert set(errors) <= {"base_url", "secret"}
    assert len(text_of(answer)) < 200_000


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("owner", "nobody@northmoor.example", "Nobody here"),
        ("owner", "", "required"),
        ("time_zone", "Europe/Atlantis", "no such time zone"),
        ("secret", "", "required"),
        ("secret", "   ", "required"),
        ("handle", "", "required"),
        ("purpose", "x" * 301, "at most 300"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_before_anybody_is_asked(
    administrator, connect, field, value, words
):
    data = {**fields(administrator, "http://127.0.0.1:1", CANARY), field: value}
    answer = connect(**data)
    assert answer.status_code == 422
    assert words in answer.context["form"].errors[field][0]
    assert CANARY not in text_of(answer)


def test_a_city_is_zone_enough_and_a_name_person_enough(sandbox, connect, administrator):
    UserFactory(full_name="Olive Owner")
    there = sandbox.open_account("fire_lisbon")
    data = fields(administrator, sandbox.url, there.secret, owner="olive owner", time_zone="lisbon")
    assert connect(**data).status_code == 302
    account = SocialAccount.objects.get()
    assert (account.time_zone, account.owner.full_name) == ("Europe/Lisbon", "Olive Owner")


def test_a_name_that_two_people_have_is_not_enough(connect, administrator):
    UserFactory.create_batch(2, full_name="Twin Name")
    data = fields(administrator, "http://127.0.0.1:1", CANARY, owner="Twin Name")
    assert "Several people" in connect(**data).context["form"].errors["owner"][0]


def test_a_leaver_does_not_own_an_account(sandbox, connect, administrator):
    gone = UserFactory(is_active=False)
    there = sandbox.open_account("fire_gone")
    data = fields(administrator, sandbox.url, there.secret, owner=gone.email)
    assert "has left" in connect(**data).context["form"].errors["owner"][0]


def test_the_form_says_what_each_platform_asks_for(sign_in, administrator):
    client = sign_in(administrator)
    for platform, words in (("bluesky", "App password"), ("mastodon", "Access token")):
        page = text_of(client.get(reverse("accounts:connect_to", args=[platform])))
        assert words in page
        assert administrator.email in page


# --- reconnecting and disconnecting ---------------------------------------------------------------


@pytest.fixture
def connected(sandbox, administrator, connect, manager):
    there = sandbox.open_account(f"fire_{administrator.pk}")
    connect(**fields(administrator, sandbox.url, there.secret))
    account = SocialAccount.objects.get()
    give(manager, Level.MANAGER, account)
    return account, there


def test_disconnecting_forgets_the_secret_and_reconnecting_brings_it_back(
    connected, manager, sign_in
):
    account, there = connected
    client = sign_in(manager)
    url = reverse("accounts:disconnect", args=[account.pk])
    assert client.post(url, {"reason": " "}).status_code == 422
    client.post(url, {"reason": "Handed over"})
    account.refresh_from_db()
    assert not account.is_connected
    assert not Credential.objects.exists()
    assert "disconnected already" in text_of(client.post(url, {"reason": "again"}))
    page = text_of(client.get(reverse("accounts:account", args=[account.pk])))
    assert "The credentials are gone" in page
    client.post(reverse("accounts:check", args=[account.pk]))
    again = reverse("accounts:reconnect", args=[account.pk])
    assert client.post(again, {"secret": CANARY}).status_code == 422
    client.post(again, {"secret": there.secret})
    account.refresh_from_db()
    assert account.is_connected
    assert Credential.objects.get().secret == there.secret
    names = set(Event.objects.values_list("name", flat=True))
    assert {"account.disconnected", "account.reconnected"} <= names


def test_credentials_of_another_account_are_refused(sandbox, connected, manager, sign_in):
    account, there = connected
    other = sandbox.open_account(f"other_{account.pk}")
    url = reverse("accounts:reconnect", args=[account.pk])
    answer = sign_in(manager).post(url, {"secret": other.secret})
    assert f"belong to {other.handle}" in answer.context["form"].errors["secret"][0]
    assert other.secret not in text_of(answer)
    assert Credential.objects.get().secret == there.secret


def test_checking_now_says_how_the_account_is(sandbox, connected, manager, sign_in):
    account, _ = connected
    client, url = sign_in(manager), reverse("accounts:check", args=[account.pk])
    assert "the account works" in text_of(client.post(url, follow=True))
    sandbox.fault("unauthorised", scope="everything", times=5)
    page = text_of(client.post(url, follow=True))
    account.refresh_from_db()
    assert account.health == Health.LOST
    assert "no longer accepts the credentials" in page
    sandbox.behave()
    client.post(url)
    account.refresh_from_db()
    assert account.health == Health.HEALTHY


# --- the account's page ---------------------------------------------------------------------------


def test_the_page_says_who_can_do_what_and_why(account, manager, at, sign_in):
    reader = UserFactory(full_name="Rita Reader")
    member = UserFactory(full_name="Tim Teamer")
    frozen = UserFactory(full_name="Frida Frozen", frozen_at=timezone.now())
    UserFactory(full_name="Ada Admin", is_administrator=True)
    UserFactory(full_name="Otto Auditor", is_auditor=True)
    give(reader, Level.VIEWER, account, expired=True)
    grant = give(make_team("Night shift", member, frozen), Level.PUBLISHER, account)
    UserFactory(full_name="Gil Gone", is_active=False).groups.add(grant.team.group)
    page = text_of(sign_in(manager).get(at("account")))
    main = page.partition("<main")[2]
    assert "Rita Reader" not in main, "what has ended is not in force"
    for words in ("Mara Manager", "Night shift", "(2)", "Publisher", "test"):
        assert words in main
    names = text_of(sign_in(manager).get(at("team_people", grant.pk)))
    for name, there in (("Tim Teamer", True), ("Frida Frozen", True), ("Gil Gone", False)):
        assert (name in names) == there
    fragment = text_of(sign_in(manager).get(at("team_people", grant.pk), HTTP_HX_REQUEST="true"))
    assert "<html" not in fragment
    assert "Tim Teamer" in fragment
    assert "Ada Admin (manages levels and freezes)" in main
    assert "Otto Auditor (reads everything)" in main
    assert f"{reverse('audit:record')}?account={account.pk}" in main


def test_an_account_nobody_has_a_level_on_says_so(sign_in, administrator):
    lonely = SocialAccountFactory()
    page = text_of(sign_in(administrator).get(reverse("accounts:account", args=[lonely.pk])))
    assert "Nobody has a level here yet" in page


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"health": Health.LOST, "health_note": "token revoked"}, "token revoked"),
        ({"health": Health.TROUBLED, "health_note": "503"}, "tried again by itself"),
    ],
)
def test_trouble_comes_with_its_reason(account, manager, at, sign_in, how, words):
    SocialAccount.objects.filter(pk=account.pk).update(checked_at=timezone.now(), **how)
    assert words in text_of(sign_in(manager).get(at("account")))


def test_hostile_words_of_a_platform_stay_words(account, manager, at, sign_in):
    SocialAccount.objects.filter(pk=account.pk).update(
        display_name="<script>alert(1)</script>",
        health=Health.LOST,
        health_note="<img src=x onerror=alert(1)>",
        checked_at=timezone.now(),
    )
    page = text_of(sign_in(manager).get(at("account")))
    assert "<script>alert" not in page
    assert "<img src=x" not in page


def test_a_level_gives_its_holder_the_page(account, at, sign_in):
    user = UserFactory()
    client = sign_in(user)
    assert client.get(at("account")).status_code == 404
    grant = give(user, Level.VIEWER, account)
    assert client.get(at("account")).status_code == 200
    Grant.objects.filter(pk=grant.pk).update(ends_at=timezone.now() - timedelta(seconds=1))
    assert client.get(at("account")).status_code == 404


def test_freezing_wants_a_reason_and_lifting_none(account, manager, at, sign_in):
    client = sign_in(manager)
    page = client.get(at("freeze"))
    assert "is held" in text_of(page)
    answer = client.post(at("freeze"), {"reason": ""})
    assert answer.status_code == 422
    client.post(at("freeze"), {"reason": "False rumour"})
    account.refresh_from_db()
    assert (account.frozen_by, account.frozen_reason) == (manager, "False rumour")
    assert "False rumour" in text_of(client.get(at("account")))
    assert "frozen already" in text_of(client.post(at("freeze"), {"reason": "again"}))
    client.post(at("unfreeze"))
    account.refresh_from_db()
    assert not account.is_frozen
    assert "is not frozen" in text_of(client.post(at("unfreeze"), follow=True))
    names = list(Event.objects.filter(account_id=account.pk).values_list("name", flat=True))
    assert "account.frozen" in names
    assert "account.unfrozen" in names


def test_settings_of_an_account_are_changed_and_checked(account, manager, at, sign_in):
    client = sign_in(manager)
    assert "Northmoor Fire" in text_of(client.get(at("change")))
    data = {
        "display_name": "Fire & Rescue",
        "owner": UserFactory(full_name="New Owner").email,
        "purpose": "Everything on fire",
        "time_zone": "Europe/Dublin",
    }
    assert client.post(at("change"), data).status_code == 302
    account.refresh_from_db()
    assert (account.display_name, account.time_zone) == ("Fire & Rescue", "Europe/Dublin")
    assert account.owner.full_name == "New Owner"
    changed = Event.objects.get(name="account.changed").data
    assert changed["time_zone"] == {"before": "Europe/London", "after": "Europe/Dublin"}
    assert "approval_required" not in changed
    gone = UserFactory(is_active=False)
    answer = client.post(at("change"), {**data, "owner": gone.email})
    assert "has left" in answer.context["form"].errors["owner"][0]
    answer = client.post(at("change"), {**data, "display_name": " "})
    assert answer.status_code == 422


# --- levels ---------------------------------------------------------------------------------------


def test_who_is_looked_for_first(account, manager, at, sign_in):
    UserFactory(full_name="Zoe Zebra", is_active=False)
    found = UserFactory(full_name="Zack Zebra")
    team = make_team("Zebra crossing patrol")
    client = sign_in(manager)
    page = text_of(client.get(at("give"), {"find": "zebra"}))
    assert f"holder=user:{found.pk}" in page
    assert f"holder=team:{team.pk}" in page
    assert "Zoe Zebra" not in page, "who left gets nothing"
    assert f"holder=user:{manager.pk}" not in text_of(client.get(at("give"))), "nor oneself"
    assert "Nobody is called so" in text_of(client.get(at("give"), {"find": "xyzzy"}))


def test_a_level_is_given_until_the_end_of_a_day_in_the_accounts_zone(
    account, manager, at, sign_in
):
    SocialAccount.objects.filter(pk=account.pk).update(time_zone="Asia/Kolkata")
    user, client = UserFactory(), sign_in(manager)
    page = text_of(client.get(at("give"), {"holder": f"user:{user.pk}"}))
    for words in ("Viewer", "approve others", "Asia/Kolkata"):
        assert words in page
    day = (timezone.now() + timedelta(days=20)).date()
    data = {
        "holder": f"user:{user.pk}",
        "level": "publisher",
        "reason": "Covers",
        "last_day": day.isoformat(),
    }
    assert client.post(at("give"), data).status_code == 302
    grant = Grant.objects.get(user=user)
    zone = ZoneInfo("Asia/Kolkata")
    assert grant.ends_at == datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=zone)
    page = text_of(client.get(at("give"), {"holder": f"user:{user.pk}"}))
    assert "Now publisher" in page
    assert "Covers" in page


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"level": ""}, "level"),
        ({"level": "emperor"}, "level"),
        ({"reason": ""}, "reason"),
        ({"last_day": "2020-01-01"}, "last_day"),
        ({"last_day": "soon"}, "last_day"),
    ],
)
def test_a_level_that_makes_no_sense_is_refused_at_its_field(
    account, manager, at, sign_in, data, field
):
    team = make_team("Night shift")
    good = {"holder": f"team:{team.pk}", "level": "viewer", "reason": "Reads along"}
    answer = sign_in(manager).post(at("give"), {**good, **data})
    assert answer.status_code == 422
    assert answer.context["form"].errors[field]
    assert not Grant.objects.filter(team=team).exists()


def test_nobody_gives_themselves_a_level_by_the_form(account, manager, at, sign_in):
    data = {"holder": f"user:{manager.pk}", "level": "viewer", "reason": "x"}
    answer = sign_in(manager).post(at("give"), data)
    assert answer.status_code == 422
    assert "own level" in text_of(answer)


def test_a_level_is_taken_away(account, manager, at, sign_in):
    grant = give(UserFactory(), Level.APPROVER, account)
    client = sign_in(manager)
    client.post(at("end_grant", grant.pk), {"reason": "moved"})
    grant.refresh_from_db()
    assert grant.ended_at is not None
    assert "already" in text_of(client.post(at("end_grant", grant.pk), follow=True))


def test_a_manager_who_loses_the_level_manages_no_more(account, manager, at, sign_in):
    client = sign_in(manager)
    assert client.get(at("freeze")).status_code == 200
    Grant.objects.filter(user=manager).update(ends_at=timezone.now() - timedelta(seconds=1))
    assert client.post(at("freeze"), {"reason": "x"}).status_code == 404
    account.refresh_from_db()
    assert not account.is_frozen


def test_a_stored_secret_is_on_no_page(account, manager, administrator, at, sign_in, caplog):
    CredentialFactory(account=account)
    for user in (manager, administrator):
        client = sign_in(user)
        for name in ("account", "change", "reconnect", "freeze", "disconnect", "give"):
            assert "canary-secret" not in text_of(client.get(at(name)))
    assert "canary-secret" not in caplog.text

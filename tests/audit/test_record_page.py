"""The record page: who sees what, the filters, the pages, the rows that open."""

from __future__ import annotations

import re
import time
import uuid
from datetime import UTC, datetime, timedelta
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.db import OperationalError
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.services.people import user_freeze
from accounts.services.social import account_change, account_freeze
from audit.models import Event
from audit.plain import searchable
from audit.selectors.events import Cursor, Filters, Scope, events_page
from audit.selectors.words import searched_words
from scheduling.selectors.story import posts_on
from scheduling.services.posts import post_create, post_edit
from tests.factories import (
    COMMAND,
    SocialAccountFactory,
    UserFactory,
    give,
    make_team,
    person,
)

pytestmark = pytest.mark.django_db
URL = "/record/"
ROW = re.compile(r'<li>\s*<details hx-get="/record/(\d+)/"')


def rows(response):
    return [int(number) for number in ROW.findall(response.content.decode())]


def text_of(response):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


def link(response, words):
    found = re.search(
        rf'<a[^>]*href="([^"]*)"[^>]*>(?:<svg.*?</svg>)?{words}', response.content.decode()
    )
    return unescape(found[1]) if found else None


def events(count, *, name="delivery.published", at=None, **fields):
    at = at or datetime(2026, 11, 1, tzinfo=UTC)
    values = {
        "act": uuid.UUID(int=1),
        "actor_kind": "worker",
        "actor_label": "publisher",
        "subject_type": "",
        **fields,
    }
    values["words"] = searchable([values.get("subject_label", ""), values.get("data", {})])
    made = [Event(name=name, occurred_at=at, **values) for _ in range(count)]
    return Event.objects.bulk_create(made)


# --- who sees what --------------------------------------------------------------------------------


def test_a_visitor_is_asked_to_sign_in():
    for path in (URL, "/record/1/", "/record/export.csv", "/record/people/"):
        response = Client().get(path)
        assert response.status_code == 302
        assert urlsplit(response["Location"]).path == reverse("account_login")


def test_somebody_without_any_level_is_refused_with_the_reason(sign_in, administrator):
    account = SocialAccountFactory()
    outsider = UserFactory()
    account_freeze(actor=COMMAND, account=account, reason="Under review")
    event = Event.objects.get(name="account.frozen")
    for user in (outsider, administrator):
        client = sign_in(user)
        for path in (URL, f"/record/{event.pk}/", "/record/export.csv", "/record/people/?who=per"):
            response = client.get(path)
            assert response.status_code == 403, path
            assert "open to auditors" in text_of(response)
            assert "Under review" not in response.content.decode()
    refused = Event.objects.filter(name="access.refused", actor_id=outsider.pk)
    assert refused.count() == 4
    assert refused[0].data["attempted"].startswith("audit:")


def test_an_auditor_sees_everything(sign_in, auditor):
    account = SocialAccountFactory(display_name="Northmoor Fire")
    account_freeze(actor=COMMAND, account=account, reason="Under review")
    make_team("Night shift")
    shown = text_of(sign_in(auditor).get(URL))
    assert "froze Northmoor Fire" in shown
    assert "created Night shift" in shown


@pytest.mark.parametrize("level", ["viewer", "contributor", "publisher", "approver", "manager"])
def test_a_person_with_a_level_sees_their_accounts_alone(sign_in, level):
    mine, other = SocialAccountFactory(), SocialAccountFactory(display_name="Chief's office")
    ana = UserFactory()
    give(ana, level, mine)
    account_freeze(actor=COMMAND, account=mine, reason="mine")
    account_freeze(actor=COMMAND, account=other, reason="other")
    make_team("Night shift")
    theirs = set(Event.objects.filter(account_id=mine.pk).values_list("pk", flat=True))
    client = sign_in(ana)
    assert set(rows(client.get(URL))) == theirs
    shown = text_of(client.get(URL))
    assert "Chief's office" not in shown
    assert "Night shift" not in shown
    hidden = Event.objects.get(name="account.frozen", account_id=other.pk)
    assert client.get(f"/record/{hidden.pk}/").status_code == 404
    assert client.get(URL, {"account": other.pk}).status_code == 200
    assert rows(client.get(URL, {"account": other.pk})) == []


def test_a_level_that_ended_shows_nothing_more(sign_in):
    account = SocialAccountFactory()
    ana = UserFactory()
    give(ana, "manager", account, expired=True)
    assert sign_in(ana).get(URL).status_code == 403


def test_by_a_team_too(sign_in):
    account = SocialAccountFactory()
    ana = UserFactory()
    give(make_team("Night shift", ana), "viewer", account)
    assert rows(sign_in(ana).get(URL)) == [Event.objects.get(name="grant.given").pk]


@pytest.fixture
def shared_post():
    """A post on two accounts, and somebody who sees but one of them."""
    mine = SocialAccountFactory(display_name="Northmoor Fire")
    other = SocialAccountFactory(display_name="Chief's office")
    writer, viewer = UserFactory(full_name="Ana Reyes"), UserFactory()
    for account in (mine, other):
        give(writer, "contributor", account)
    give(viewer, "viewer", mine)
    own = {other.pk: "The secret version."}
    post = post_create(
        actor=person(writer), text="The bridge is closed.", accounts=[mine, other], own_texts=own
    )
    return post, mine, other, viewer


def test_what_is_about_a_whole_post_is_shown_without_other_accounts(sign_in, auditor, shared_post):
    viewer = shared_post[3]
    event = Event.objects.get(name="post.created")
    client = sign_in(viewer)
    assert event.pk in rows(client.get(URL))
    page = client.get(f"/record/{event.pk}/")
    assert "Northmoor Fire" in text_of(page)
    for secret in ("secret version", "Chief"):
        assert secret not in page.content.decode()
    exported = b"".join(client.get("/record/export.csv").streaming_content).decode()
    assert "The bridge is closed." in exported
    assert "secret version" not in exported
    whole = sign_in(auditor).get(f"/record/{event.pk}/")
    assert "secret version" in whole.content.decode()


def test_words_of_other_accounts_cannot_be_searched_for(sign_in, auditor, shared_post):
    """The words of a whole post hold those of all its accounts; a hit would tell of them."""
    viewer = shared_post[3]
    event = Event.objects.get(name="post.created")
    assert rows(sign_in(viewer).get(URL, {"text": "secret"})) == []
    assert rows(sign_in(viewer).get(URL, {"text": "bridge"})) == []
    assert event.pk in rows(sign_in(auditor).get(URL, {"text": "secret"}))


def test_a_post_of_ones_own_accounts_alone_can_be_searched(sign_in):
    account, ana = SocialAccountFactory(), UserFactory()
    give(ana, "contributor", account)
    post_create(actor=person(ana), text="The bridge is closed.", accounts=[account])
    event = Event.objects.get(name="post.created")
    assert rows(sign_in(ana).get(URL, {"text": "bridge"})) == [event.pk]


def test_posts_of_other_accounts_are_not_there(sign_in, shared_post):
    elsewhere, stranger = SocialAccountFactory(), UserFactory()
    give(stranger, "viewer", elsewhere)
    client = sign_in(stranger)
    event = Event.objects.get(name="post.created")
    assert event.pk not in rows(client.get(URL))
    assert client.get(f"/record/{event.pk}/").status_code == 404


# --- reading is on record -------------------------------------------------------------------------


def test_a_page_is_one_reading_and_opening_a_row_is_none(sign_in, auditor):
    account = SocialAccountFactory()
    account_freeze(actor=COMMAND, account=account, reason="x")
    client = sign_in(auditor)
    client.get(URL, {"account": account.pk, "text": "froz"})
    reading = Event.objects.get(name="record.read")
    assert reading.actor_id == auditor.pk
    assert reading.data == {"account": account.pk, "text": "froz"}
    event = Event.objects.get(name="account.frozen")
    client.get(f"/record/{event.pk}/", headers={"HX-Request": "true"})
    client.get("/record/people/", {"who": "per"}, headers={"HX-Request": "true"})
    assert Event.objects.filter(name="record.read").count() == 1
    client.get(f"/record/{event.pk}/")
    assert Event.objects.filter(name="record.read")[0].data == {"event": event.pk}
    client.get(URL, {"since": "never"})
    assert Event.objects.filter(name="record.read")[0].data == {"not_understood": ["since"]}


def test_readings_are_left_out_and_said_to_be(sign_in, auditor):
    client = sign_in(auditor)
    client.get(URL)
    reading = Event.objects.get(name="record.read")
    first = client.get(URL)
    assert reading.pk not in rows(first)
    assert "Readings of the record are left out" in text_of(first)
    assert reading.pk in rows(client.get(link(first, "Show them")))
    assert reading.pk in rows(client.get(URL, {"action": "record.read"}))
    assert "left out" not in text_of(client.get(URL, {"action": "record.read"}))


def test_reading_needs_somebody():
    from audit.actions import NotAllowed
    from audit.actors import Actor
    from audit.services.reading import record_read

    for actor in (Actor.anonymous(), Actor.worker("publisher")):
        with pytest.raises(NotAllowed):
            record_read(actor=actor, filters={})


def test_only_looking_is_possible(sign_in, auditor):
    client = sign_in(auditor)
    for path in (URL, "/record/export.csv", "/record/1/", "/record/people/"):
        assert client.post(path).status_code == 405


# --- filters --------------------------------------------------------------------------------------


@pytest.fixture
def busy(auditor, sign_in):
    """A few things that happened, and the auditor's window on them."""
    ana, sam = UserFactory(full_name="Ana Reyes"), UserFactory(full_name="Ana Smith")
    fire, police = SocialAccountFactory(), SocialAccountFactory()
    for account in (fire, police):
        give(ana, "manager", account)
    account_freeze(actor=person(ana), account=fire, reason="The café is on fire")
    user_freeze(actor=COMMAND, user=sam, reason="Lost phone")
    client = sign_in(auditor)

    def shown(**asked):
        return sorted(Event.objects.get(pk=pk).name for pk in rows(client.get(URL, asked)))

    return {
        "ana": ana,
        "sam": sam,
        "fire": fire,
        "police": police,
        "shown": shown,
        "client": client,
    }


def test_by_person(busy):
    assert busy["shown"](who=busy["ana"].pk) == ["account.frozen"]
    assert busy["shown"](who="Ana Reyes") == ["account.frozen"]
    assert busy["shown"](who="reyes") == ["account.frozen"]
    assert busy["shown"](who=f"Whoever ({busy['ana'].email})") == ["account.frozen"]
    assert busy["shown"](who=busy["sam"].email) == []


def test_a_number_that_is_nobodys_is_a_name(busy):
    assert busy["shown"](who="4096") == []
    assert "Nobody you can see" in text_of(busy["client"].get(URL, {"who": "4096"}))


def test_outside_the_scope_an_account_has_no_events(busy):
    scope = Scope(posts_on, account_ids=frozenset({busy["fire"].pk}))
    assert not events_page(scope, Filters(account=busy["police"].pk)).events
    assert len(events_page(scope, Filters(account=busy["fire"].pk)).events) == 2
    assert not events_page(Scope(posts_on), Filters()).events


def test_by_what_is_no_person(busy):
    assert "person.frozen" in busy["shown"](who="commands at the server")
    assert busy["shown"](who="Socialdesk") == []


def test_a_name_that_two_have_asks_which(busy):
    response = busy["client"].get(URL, {"who": "ana", "text": "fire"})
    assert rows(response) == []
    assert "More than one person is called that" in text_of(response)
    choice = link(response, r"Ana Reyes")
    assert parse_qs(urlsplit(choice).query) == {"who": [str(busy["ana"].pk)], "text": ["fire"]}
    assert len(rows(busy["client"].get(choice))) == 1


def test_a_name_nobody_has_shows_nothing_and_says_so(busy):
    response = busy["client"].get(URL, {"who": "Zoe"})
    assert "Nobody you can see here is called that" in text_of(response)
    assert rows(response) == []


def test_by_account(busy):
    assert busy["shown"](account=busy["fire"].pk) == ["account.frozen", "grant.given"]
    assert busy["shown"](account=busy["police"].pk) == ["grant.given"]


def test_by_account_with_its_whole_posts(busy):
    post_create(actor=person(busy["ana"]), text="x", accounts=[busy["police"]])
    assert busy["shown"](account=busy["police"].pk) == ["grant.given", "post.created"]


def test_by_action_and_by_noun(busy):
    assert busy["shown"](action="person.frozen") == ["person.frozen"]
    assert busy["shown"](action="grant.*") == ["grant.given", "grant.given"]
    assert busy["shown"](action="account.frozen", who=busy["sam"].pk) == []


def test_by_address(busy):
    assert busy["shown"](address="192.0.2.7") == ["account.frozen"]
    assert busy["shown"](address="192.0.2.70") == []
    assert busy["shown"](address="2001:DB8::0:1") == []
    wrong = busy["client"].get(URL, {"address": "192.0.2"})
    assert "Write a whole IP address" in text_of(wrong)
    assert rows(wrong) == []


def test_by_the_minute_in_the_viewers_zone(sign_in):
    auditor = UserFactory(is_auditor=True, time_zone="Pacific/Auckland")
    ((early,), (late,)) = (
        events(1, at=datetime(2026, 11, 9, 10, minute, tzinfo=UTC)) for minute in (29, 30)
    )
    client = sign_in(auditor)
    day = {"since": "2026-11-09", "until": "2026-11-09"}
    assert rows(client.get(URL, {**day, "since_at": "23:30"})) == [late.pk]
    assert rows(client.get(URL, {**day, "until_at": "23:30"})) == [early.pk]
    assert "Choose the day" in text_of(client.get(URL, {"since_at": "23:30"}))
    before = client.get(URL, {**day, "since_at": "12:00", "until_at": "11:00"})
    assert "This comes before the beginning" in text_of(before)


def test_by_post(busy):
    post = post_create(actor=person(busy["ana"]), text="x", accounts=[busy["police"]])
    post_edit(actor=person(busy["ana"]), post=post, version=1, text="y", accounts=[busy["police"]])
    assert busy["shown"](post=post.pk) == ["post.changed", "post.created"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("phone", True),
        ("PHO", True),
        ("lost phone", True),
        ("phone zebra", False),
        ("hone", False),
        ("cafe", True),
        ("CAFÉ", True),
        ("froze", True),
    ],
)
def test_by_words(busy, text, found):
    assert bool(busy["shown"](text=text)) is found


def test_by_day_in_the_viewers_zone(sign_in):
    auditor = UserFactory(is_auditor=True, time_zone="Pacific/Auckland")  # UTC+13 in November
    early, late = (
        datetime(2026, 11, 9, 10, 59, 59, tzinfo=UTC),
        datetime(2026, 11, 9, 11, tzinfo=UTC),
    )
    (ninth,), (tenth,) = events(1, at=early), events(1, at=late)
    client = sign_in(auditor)

    def shown(**asked):
        return rows(client.get(URL, asked))

    assert shown(since="2026-11-09", until="2026-11-09") == [ninth.pk]
    assert shown(since="2026-11-10", until="2026-11-10") == [tenth.pk]
    assert shown(until="2026-11-10", since="2026-11-09") == [tenth.pk, ninth.pk]
    assert shown(until="2026-11-08") == []


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "2026-13-45"},
        {"since": "0001-01-01"},
        {"until": "9999-12-31"},
        {"since": "2026-11-02", "until": "2026-11-01"},
        {"account": "999999999999999999999999"},
        {"account": "1 OR 1=1"},
        {"action": "nothing.happened"},
        {"text": "!!! ---"},
        {"post": "-1"},
        {"post": str(2**63)},
        {"who": "x" * 300},
    ],
)
def test_what_cannot_be_understood_shows_nothing_and_is_no_fault(busy, asked):
    response = busy["client"].get(URL, asked)
    assert response.status_code == 200
    assert rows(response) == []
    assert "Nothing is shown until the filters are clear" in text_of(response)
    assert busy["client"].get("/record/export.csv", asked).status_code == 400


@pytest.mark.parametrize("field", ["who", "text", "account", "action", "since", "before", "post"])
@pytest.mark.parametrize("value", ["\x00", "a\x00b", "\ud83d", "1\x00"])
def test_signs_no_database_takes_are_no_fault(busy, field, value):
    query = urlencode({field: value.encode("utf-8", "surrogatepass")})
    assert busy["client"].get(f"{URL}?{query}").status_code == 200
    assert busy["client"].get(f"/record/people/?{query}").status_code == 200


QUIET = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AWKWARD = st.text(max_size=250) | st.text(alphabet="&|!():*'\\<-> \"\x00aÀ橋_.@/", max_size=60)


@settings(QUIET, max_examples=200)
@given(text=AWKWARD)
def test_no_search_is_a_fault_of_the_database(busy, text):
    scope = Scope(posts_on, account_ids=frozenset({busy["fire"].pk}))
    if searched_words(text):
        events_page(scope, Filters(text=text))


@settings(QUIET, max_examples=20)
@given(text=AWKWARD, who=AWKWARD)
def test_nor_of_the_page(busy, text, who):
    assert busy["client"].get(URL, {"text": text, "who": who}).status_code == 200


def test_a_filtered_view_has_a_stable_address(busy):
    response = busy["client"].get(
        URL, {"who": "reyes", "account": "", "action": "", "since": "", "text": "caf", "until": ""}
    )
    exported = link(response, "CSV at once, without a proof")
    query = parse_qs(urlsplit(exported).query)
    assert query == {"who": [str(busy["ana"].pk)], "text": ["caf"]}
    again = busy["client"].get(f"{URL}?{urlsplit(exported).query}")
    assert rows(again) == rows(response)
    assert f'value="Ana Reyes ({busy["ana"].email})"' in again.content.decode()


def test_names_are_offered_only_of_people_who_work_with_ones_accounts(sign_in, busy):
    viewer = UserFactory(full_name="Viewer Vic")
    give(viewer, "viewer", busy["fire"])
    client = sign_in(viewer)
    offered = client.get("/record/people/", {"who": "ana"}).content.decode()
    assert "Ana Reyes" in offered
    assert "Ana Smith" not in offered
    assert "Nobody you can see" in text_of(client.get(URL, {"who": busy["sam"].email}))
    assert "Ana Smith" in busy["client"].get("/record/people/", {"who": "ana"}).content.decode()
    assert "Ana" not in busy["client"].get("/record/people/", {"who": "a\x00"}).content.decode()


def test_a_search_that_takes_too_long_says_what_to_do(busy, monkeypatch):
    def slow(*_, **__):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setattr("audit.views.record.events_page", slow)
    response = busy["client"].get(URL, {"text": "the"})
    assert response.status_code == 503
    assert "takes too long" in text_of(response)


@pytest.mark.django_db(transaction=True)
def test_a_search_is_given_so_much_time_and_no_more(monkeypatch):
    from django.db import connection

    from audit.selectors import events as selectors

    monkeypatch.setattr(selectors, "PATIENCE_S", 0.05)
    with (
        pytest.raises(OperationalError),
        selectors.patience(selectors.Filters(text="x")),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_sleep(5)")
    with selectors.patience(selectors.Filters(text="x")):
        assert not Event.objects.exists()
    time.sleep(0.1)
    assert not Event.objects.exists()


# --- pages ----------------------------------------------------------------------------------------


def walk(client, asked=None):
    """All rows by following 'Older', and the addresses passed."""
    seen, url, urls = [], f"{URL}?{asked or ''}", []
    while url:
        response = client.get(url)
        assert response.status_code == 200
        urls.append(url)
        seen += rows(response)
        url = link(response, "Older")
        assert len(urls) < 50
    return seen, urls


def test_pages_miss_nothing_and_repeat_nothing_among_equal_times(sign_in, auditor):
    client = sign_in(auditor)
    account = SocialAccountFactory()
    events(120, account_id=account.pk)
    events(30, account_id=account.pk, at=datetime(2026, 11, 2, tzinfo=UTC))
    asked = f"account={account.pk}"
    seen, urls = walk(client, asked)
    expected = Event.objects.filter(account_id=account.pk).order_by("-occurred_at", "-id")
    assert seen == list(expected.values_list("pk", flat=True))
    assert len(urls) == 3
    back = client.get(link(client.get(urls[2]), "Newer"))
    assert rows(back) == seen[50:100]
    first = client.get(link(back, "Newer"))
    assert rows(first) == seen[:50]
    assert link(first, "Newer") is None


def test_what_comes_in_meanwhile_does_not_shift_the_pages(sign_in, auditor):
    client = sign_in(auditor)
    account = SocialAccountFactory()
    made = events(60, account_id=account.pk)
    older = link(client.get(URL, {"account": account.pk}), "Older")
    events(25, account_id=account.pk, at=datetime(2026, 11, 3, tzinfo=UTC))
    assert rows(client.get(older)) == [event.pk for event in made[9::-1]]


def test_pages_for_somebody_with_several_accounts(sign_in):
    """Quiet and busy accounts, whole posts, one order."""
    ana = UserFactory()
    accounts = SocialAccountFactory.create_batch(3)
    for account in accounts:
        give(ana, "contributor", account)
    begun = datetime(2026, 11, 1, tzinfo=UTC)
    for n in range(130):
        events(1, account_id=accounts[n % 2].pk, at=begun + timedelta(minutes=n // 3))
    post = post_create(actor=person(ana), text="x", accounts=accounts[2:])
    events(5, post_id=post.pk, at=begun + timedelta(minutes=20))
    seen, _ = walk(sign_in(ana))
    mine = Event.objects.filter(account_id__in=[a.pk for a in accounts])
    mine |= Event.objects.filter(post_id=post.pk)
    assert seen == list(mine.order_by("-occurred_at", "-id").values_list("pk", flat=True))


@pytest.mark.parametrize("place", ["x", "1", "1.", "-1.5", "1." + "9" * 19, "1.1.1", "½.1", ""])
def test_a_place_that_is_none_is_the_beginning(sign_in, auditor, place):
    client = sign_in(auditor)
    made = events(3)
    for way in ("before", "after"):
        response = client.get(URL, {way: place})
        assert response.status_code == 200
        assert {event.pk for event in made} <= set(rows(response))


def test_a_place_is_written_and_read_to_the_microsecond():
    cursor = Cursor(datetime(2026, 11, 23, 12, 0, 0, 123457, tzinfo=UTC), 42)
    assert Cursor.read(str(cursor)) == cursor


def test_beyond_the_end_it_says_so(sign_in, auditor):
    client = sign_in(auditor)
    response = client.get(URL, {"before": "0.1"})
    assert "Nothing further this way" in text_of(response)


def test_empty_and_filtered_empty_are_said_apart(sign_in):
    auditor = UserFactory(is_auditor=True)
    client = sign_in(auditor)
    assert "Nothing on record fits" in text_of(client.get(URL, {"text": "zebra"}))
    assert "Clear all filters" in text_of(client.get(URL, {"text": "zebra"}))


@pytest.mark.parametrize("asked", [{}, {"text": "north", "since": "2026-10-01"}])
@pytest.mark.parametrize("who", ["auditor", "viewer"])
def test_queries_do_not_grow_with_rows_accounts_or_people(
    sign_in, auditor, django_assert_max_num_queries, who, asked
):
    viewer = UserFactory()
    accounts = SocialAccountFactory.create_batch(12)
    for account in accounts:
        give(viewer, "viewer", account)
        events(10, account_id=account.pk, subject_label="Northmoor")
    UserFactory.create_batch(10)
    client = sign_in(auditor if who == "auditor" else viewer)
    client.get(URL)
    with django_assert_max_num_queries(12):
        response = client.get(URL, asked)
    assert len(rows(response)) == 50


# --- a row that opens -----------------------------------------------------------------------------


def test_a_row_opens_with_what_changed(sign_in, auditor):
    owner = UserFactory(full_name="Priya Nair")
    account = SocialAccountFactory(owner=owner, purpose="Tells people about roads")
    account_change(
        actor=COMMAND,
        account=account,
        display_name=account.display_name,
        owner=UserFactory(full_name="Sam Ortega"),
        purpose="Tells people about roads and rivers",
        time_zone="Europe/London",
        approval_required=True,
    )
    event = Event.objects.get(name="account.changed")
    client = sign_in(auditor)
    fragment = client.get(f"/record/{event.pk}/", headers={"HX-Request": "true"})
    html = fragment.content.decode()
    assert "<html" not in html
    assert "Priya Nair → became Sam Ortega" in text_of(fragment)
    assert "</span> and rivers</ins>" in html
    assert "no → became yes" in text_of(fragment)
    assert "As it was recorded" in html
    page = client.get(f"/record/{event.pk}/")
    assert "<html" in page.content.decode()


def test_hostile_data_is_shown_and_not_run(sign_in, auditor):
    script = "<script>alert(1)</script>"
    account = SocialAccountFactory(display_name=script)
    account_freeze(actor=COMMAND, account=account, reason=script)
    event = Event.objects.get(name="account.frozen")
    client = sign_in(auditor)
    for path in (URL, f"/record/{event.pk}/"):
        html = client.get(path, {"text": "script"}).content.decode()
        assert script not in html
        assert "&lt;script&gt;alert(1)" in html


@pytest.mark.parametrize("number", [0, 10**15, 2**63, 10**30])
def test_an_event_that_is_not_there(sign_in, auditor, number):
    assert sign_in(auditor).get(f"/record/{number}/").status_code == 404

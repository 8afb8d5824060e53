"""The inbox: what one sees, who sees it, and what it costs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from accounts.levels import Level
from audit.actors import Actor
from audit.models import Event
from mentions.models import Conversation, Feed, Note, Reply, Status
from mentions.polling import stay_awake
from mentions.selectors import day, people
from mentions.selectors import inbox as selectors
from scheduling.states import State
from tests.factories import (
    ContactFactory,
    ConversationFactory,
    CredentialFactory,
    DeliveryFactory,
    MentionFactory,
    UserFactory,
    give,
    make_team,
)

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


def talk(account, text="Is the bridge open again?", **changes) -> Conversation:
    """A conversation with one mention, as taking one in leaves it."""
    kind = changes.pop("kind", "mention")
    conversation = ConversationFactory(account=account, **changes)
    at = conversation.last_at
    mention = MentionFactory(conversation=conversation, text=text, kind=kind, posted_at=at)
    conversation.last_mention = mention
    conversation.save()
    return conversation


@pytest.fixture
def officer(account):
    user = UserFactory(full_name="Priya Nair")
    give(user, Level.PUBLISHER, account)
    return user


@pytest.fixture
def client(officer, sign_in):
    return sign_in(officer)


def inbox(client, **query) -> str:
    response = client.get(reverse("mentions:inbox"), query)
    assert response.status_code == 200
    return response.content.decode()


def page_of(conversation) -> str:
    return reverse("mentions:conversation", args=[conversation.pk])


# --- the list -------------------------------------------------------------------------------


def test_the_inbox_shows_what_came_in_with_the_newest_first(client, account):
    now = timezone.now()
    talk(account, "first words", last_at=now - timedelta(hours=2))
    talk(account, "second words", last_at=now)
    page = inbox(client)
    assert page.index("second words") < page.index("first words")
    assert "is-unread" in page


def test_an_empty_inbox_says_so(client):
    assert "All done" in inbox(client)
    assert "Nothing unread" in inbox(client, view="unread")
    assert "Nothing fits these filters" in inbox(client, q="anything")


def test_somebody_without_accounts_is_told_whom_to_ask(sign_in):
    assert "Ask an administrator" in inbox(sign_in(UserFactory()))


def test_views_show_what_they_say(client, account, officer):
    talk(account, "unread words")
    talk(account, "open words", status=Status.OPEN)
    talk(account, "my words", status=Status.OPEN, assignee=officer)
    talk(account, "done words", status=Status.DONE)
    shown = {
        "open": {"unread", "open", "my"},
        "unread": {"unread"},
        "mine": {"my"},
        "unassigned": {"unread", "open"},
        "done": {"done"},
        "nonsense": {"unread", "open", "my"},
    }
    for view, words in shown.items():
        page = inbox(client, view=view)
        found = {w for w in ("unread", "open", "my", "done") if f"{w} words" in page}
        assert found == words, view


def test_filters_narrow_the_list(client, account, officer):
    other = CredentialFactory().account
    give(officer, Level.VIEWER, other)
    talk(account, "here words", kind="reply")
    talk(other, "there words")
    colleague = UserFactory(full_name="Sam Adeyemi")
    talk(account, "taken words", assignee=colleague)
    assert "there words" not in inbox(client, account=account.pk)
    replies = inbox(client, kind="reply")
    assert "here words" in replies
    assert "there words" not in replies
    theirs = inbox(client, assignee=colleague.pk)
    assert "taken words" in theirs
    assert "here words" not in theirs
    assert "Sam Adeyemi" in theirs
    assert "Clear filters" in theirs


def test_a_filter_by_somebody_who_has_nothing_here_gives_no_name_away(client, account):
    secret = UserFactory(full_name="Someone Hidden")
    assert "Someone Hidden" not in inbox(client, assignee=secret.pk)


def test_search_finds_words_in_any_mention_of_a_conversation(client, account):
    found = talk(account, "newest words")
    MentionFactory(conversation=found, text="The culvert at Mill Lane is blocked")
    talk(account, "something else")
    page = inbox(client, q="culvert lane")
    assert "newest words" in page
    assert "something else" not in page
    assert "newest words" not in inbox(client, q='"lane mill"')
    assert "newest words" in inbox(client, q="culvert -dog")


def test_search_does_not_find_what_was_said_elsewhere(client, account):
    talk(CredentialFactory().account, "secretword")
    assert "Nothing fits" in inbox(client, q="secretword")


@given(st.text(max_size=300))
@examples(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_words_break_the_search(client, account, words):
    assert client.get(reverse("mentions:inbox"), {"q": words}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"before": "nonsense"},
        {"before": "2026-11-23T09:00:00~5"},
        {"before": "2026-11-23T09:00:00+00:00~x"},
        {"before": "2026-11-23T09:00:00+00:00~" + "9" * 18},
        {"assignee": "9" * 30},
        {"assignee": "٣"},
        {"kind": "'; drop"},
        {"show": "-1"},
    ],
)
def test_addresses_that_make_no_sense_do_no_harm(client, query):
    assert client.get(reverse("mentions:inbox"), query).status_code == 200


def test_pages_follow_each_other_without_gap_or_repetition(client, account, monkeypatch):
    monkeypatch.setattr(selectors, "PAGE", 3)
    at = timezone.now()
    for number in range(8):
        talk(account, f"words-{number}-", last_at=at)  # all at the same moment
    seen: list[int] = []
    url = reverse("mentions:inbox")
    for _ in range(3):
        context = client.get(url).context
        seen += [row["id"] for row in context["rows"]]
        url = context["older_url"]
    assert url == ""
    assert len(seen) == len(set(seen)) == 8
    assert context["newer_url"]


def test_a_strangers_words_are_shown_as_words(client, account):
    evil = '<script>alert(1)</script><img src=x onerror="x">'
    person = ContactFactory(display_name=evil, handle=evil, profile_url="javascript:x")
    page = page_of(talk(account, evil, contact=person))
    for content in (inbox(client), client.get(page).content.decode()):
        assert "<script>alert" not in content
        assert "<img src=x" not in content
        assert "&lt;script&gt;" in content


# --- one conversation -----------------------------------------------------------------------


def test_a_conversation_shows_both_sides_notes_and_states(client, account, officer):
    conversation = talk(account, "What happened?")
    delivery = DeliveryFactory(
        account=account, post__text="We are on our way.", state=State.IN_REVIEW
    )
    Reply.objects.create(
        conversation=conversation,
        mention=conversation.last_mention,
        post=delivery.post,
    )
    Note.objects.create(conversation=conversation, author=officer, text="Ask the crew first.")
    page = client.get(page_of(conversation)).content.decode()
    for words in ("What happened?", "We are on our way.", "In review", "Ask the crew first."):
        assert words in page
    assert "Published" not in page
    delivery.__class__.objects.update(state=State.PUBLISHED, remote_id="r1")
    assert "Published" in client.get(page_of(conversation)).content.decode()


def test_htmx_gets_the_conversation_alone_and_going_back_gets_all(client, account):
    url = page_of(talk(account))
    part = client.get(url, **HTMX)
    assert "<html" not in part.content.decode()
    assert "HX-Request" in part["Vary"]
    whole = client.get(url, **HTMX, HTTP_HX_HISTORY_RESTORE_REQUEST="true")
    assert "<html" in whole.content.decode()
    assert 'aria-label="Navigation"' in whole.content.decode()


def test_a_long_thread_begins_at_its_end_and_shows_more_when_asked(client, account, monkeypatch):
    monkeypatch.setattr("mentions.selectors.thread.SHOWN", 3)
    conversation = talk(account, "the newest")
    for number in range(5):
        at = timezone.now() - timedelta(days=number + 1)
        MentionFactory(conversation=conversation, text=f"older-{number}-", posted_at=at)
    first = client.get(page_of(conversation)).content.decode()
    assert "older-1-" in first
    assert "older-4-" not in first
    assert "Show what was said before" in first
    assert "older-4-" in client.get(page_of(conversation), {"show": 6}).content.decode()


def test_opening_marks_read_by_a_post_of_its_own_and_only_for_those_who_answer(
    client, account, officer, sign_in
):
    conversation = talk(account)
    page = client.get(page_of(conversation)).content.decode()
    read = reverse("mentions:read", args=[conversation.pk])
    assert read in page
    conversation.refresh_from_db()
    assert conversation.status == Status.UNREAD  # looking changed nothing
    viewer = UserFactory()
    give(viewer, Level.VIEWER, account)
    seen = sign_in(viewer).get(page_of(conversation)).content.decode()
    assert read not in seen
    assert "you need the level contributor" in seen
    assert "reply-text" not in seen


def test_a_frozen_account_says_why_nothing_can_be_sent(client, account):
    conversation = talk(account)
    account.frozen_at, account.frozen_reason = timezone.now(), "A stolen phone"
    account.save()
    page = client.get(page_of(conversation)).content.decode()
    assert "A stolen phone" in page
    assert "reply-text" not in page


def test_the_button_says_what_will_happen(client, account, sign_in):
    conversation = talk(account)
    assert "Send reply" in client.get(page_of(conversation)).content.decode()
    contributor = UserFactory()
    give(contributor, Level.CONTRIBUTOR, account)
    page = sign_in(contributor).get(page_of(conversation)).content.decode()
    assert "Send for approval" in page
    assert "data-confirm" not in page.split("reply-text")[1].split("confirm-title")[0]
    account.approval_required = True
    account.save()
    assert "Send for approval" in client.get(page_of(conversation)).content.decode()


def test_an_older_message_can_be_chosen_to_answer(client, account):
    conversation = talk(account, "the newest")
    old = MentionFactory(
        conversation=conversation, text="older", posted_at=timezone.now() - timedelta(days=1)
    )
    assert f"to={old.pk}" in client.get(page_of(conversation)).content.decode()
    page = client.get(page_of(conversation), {"to": old.pk}).content.decode()
    assert f'name="to" value="{old.pk}"' in page
    assert "Your reply answers this" in page


def test_a_platform_without_replies_says_so(client, account, monkeypatch):
    monkeypatch.setattr(type(account), "can", lambda *_: False)
    assert "are written on Sandbox itself" in client.get(page_of(talk(account))).content.decode()


def test_earlier_contacts_are_those_one_may_see(client, account, officer):
    one = talk(account, "now")
    talk(account, "last spring", contact=one.contact)
    talk(CredentialFactory().account, "elsewhere", contact=one.contact)
    url = reverse("mentions:earlier", args=[one.pk])
    for answer in (client.get(url), client.get(url, **HTMX)):
        assert "last spring" in answer.content.decode()
        assert "elsewhere" not in answer.content.decode()
    alone = reverse("mentions:earlier", args=[talk(account).pk])
    assert "first time" in client.get(alone).content.decode()


def test_only_people_who_may_view_the_account_are_offered(client, account, officer, auditor):
    conversation = talk(account)
    member, outsider = UserFactory(full_name="Tom Team"), UserFactory(full_name="Otto Outside")
    give(make_team("Crew", member), Level.VIEWER, account)
    gone = UserFactory(full_name="Gail Gone", is_active=False)
    give(UserFactory(full_name="Eve Expired"), Level.VIEWER, account, expired=True)
    url = reverse("mentions:assignees", args=[conversation.pk])
    page = client.get(url, **HTMX).content.decode()
    assert "Tom Team" in page
    assert "Priya Nair" in page
    for person in (outsider, gone, auditor):
        assert str(person) not in page
    assert "Eve Expired" not in page
    assert "Tom Team" in client.get(url, {"name": "tom"}).content.decode()
    assert "Nobody of that name" in client.get(url, {"name": "zz\x00"}).content.decode()


def test_offered_people_are_those_the_policy_lets_view(account, officer):
    give(UserFactory(), Level.CONTRIBUTOR, account)
    UserFactory()
    for user in type(officer).objects.filter(is_auditor=False, is_active=True):
        offered = user in people.assignable(account, limit=99)
        assert offered == people.may_be_assigned(user, account)


def test_the_account_page_gets_what_came_in_lately(client, account):
    url = reverse("mentions:account_recent", args=[account.pk])
    assert "Nothing came in yet" in client.get(url).content.decode()
    talk(account, "lately said")
    assert "lately said" in client.get(url).content.decode()


# --- news without a reload ------------------------------------------------------------------


def live(client, page, **more):
    context = page.context
    query = {"list": context["page"].token, "newest": context["newest"]}
    if context.get("opened"):
        query |= {
            "open": context["conversation"].pk,
            "thread": context["opened"].thread.token,
        }
    return client.get(reverse("mentions:live"), query | more)


def test_nothing_new_is_204(client, account):
    page = client.get(page_of(talk(account)))
    answer = live(client, page)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_new_mention_comes_by_itself_and_is_announced(client, account):
    page = client.get(reverse("mentions:inbox"))
    talk(account, "just came in")
    answer = live(client, page)
    words = answer.content.decode()
    assert answer.status_code == 200
    assert "just came in" in words
    assert "1 new conversation at the top" in words
    assert "hx-swap-oob" in words
    assert 'class="thread"' not in words


def test_the_open_conversation_follows_too_but_not_what_is_typed(client, account, officer):
    conversation = talk(account)
    page = client.get(page_of(conversation))
    Note.objects.create(conversation=conversation, author=officer, text="From next door")
    words = live(client, page).content.decode()
    assert "From next door" in words
    assert "reply-text" not in words
    assert 'id="inbox-list"' not in words


def test_a_replys_state_comes_by_itself(client, account):
    conversation = talk(account)
    delivery = DeliveryFactory(account=account, state=State.SCHEDULED)
    Reply.objects.create(
        conversation=conversation, mention=conversation.last_mention, post=delivery.post
    )
    page = client.get(page_of(conversation))
    assert live(client, page).status_code == 204
    type(delivery).objects.update(state=State.FAILED, next_try_at=None)
    assert "Failed" in live(client, page).content.decode()


def test_live_pages_show_nothing_of_other_accounts(client, account):
    page = client.get(reverse("mentions:inbox"))
    foreign = talk(CredentialFactory().account, "not yours")
    assert live(client, page).status_code == 204
    assert live(client, page, open=foreign.pk, thread="x").status_code == 204
    assert live(client, page, open="nonsense").status_code == 204


def test_an_open_inbox_keeps_the_accounts_awake(
    client, account, officer, django_assert_num_queries
):
    cache.clear()
    elsewhere = CredentialFactory().account
    give(officer, Level.VIEWER, elsewhere)
    for one in (account, elsewhere):
        Feed.objects.create(account=one)
    page = client.get(reverse("mentions:inbox"))
    live(client, page)
    assert Feed.objects.get(account=account).awake_until > timezone.now()
    assert Feed.objects.get(account=elsewhere).awake_until is None  # only looked at
    Feed.objects.update(awake_until=None)
    live(client, page)
    assert Feed.objects.get(account=account).awake_until is None  # once a minute is enough
    live(client, page, account=account.pk)
    assert Feed.objects.get(account=account).awake_until is not None


def test_somebody_with_very_many_accounts_wakes_only_what_is_filtered(
    client, account, officer, monkeypatch
):
    cache.clear()
    monkeypatch.setattr("mentions.views.live.AWAKE_MOST", 0)
    Feed.objects.create(account=account)
    live(client, client.get(reverse("mentions:inbox")))
    assert Feed.objects.get().awake_until is None
    stay_awake([])


# --- who may --------------------------------------------------------------------------------

GETS = ["conversation", "earlier", "assignees"]
POSTS: list[tuple[str, list[Any], dict[str, Any]]] = [
    ("read", [], {}),
    ("status", ["done"], {}),
    ("assign", [], {"assignee": "0"}),
    ("assign_to", [0], {}),
    ("note", [], {"note": "x"}),
    ("reply", [], {"text": "x", "to": 1, "answered": 0}),
]


def test_a_visitor_is_asked_to_sign_in(account, client, sign_in):
    from django.test import Client

    conversation = talk(account)
    visitor = Client()
    for name in [*GETS, "inbox", "live"]:
        args = [] if name in ("inbox", "live") else [conversation.pk]
        answer = visitor.get(reverse(f"mentions:{name}", args=args))
        assert answer.status_code == 302
        assert "/auth/" in answer["Location"]
    for name, more, body in POSTS:
        answer = visitor.post(reverse(f"mentions:{name}", args=[conversation.pk, *more]), body)
        assert answer.status_code == 302


@pytest.mark.parametrize("name", GETS)
def test_an_outsider_finds_no_conversation(account, sign_in, name):
    outsider = sign_in(UserFactory())
    url = reverse(f"mentions:{name}", args=[talk(account, "private words").pk])
    answer = outsider.get(url)
    assert answer.status_code == 404
    assert "private words" not in answer.content.decode()
    assert Event.objects.filter(name="access.refused").count() == 1
    assert outsider.get(reverse(f"mentions:{name}", args=[10**9])).status_code == 404


@pytest.mark.parametrize(("name", "more", "body"), POSTS)
def test_an_outsider_changes_nothing(account, sign_in, name, more, body):
    conversation = talk(account)
    url = reverse(f"mentions:{name}", args=[conversation.pk, *more])
    before = Conversation.objects.values().get()
    assert sign_in(UserFactory()).post(url, body).status_code == 404
    assert Conversation.objects.values().get() == before
    assert Event.objects.filter(name="access.refused").exists()


@pytest.mark.parametrize(("name", "more", "body"), POSTS)
@pytest.mark.parametrize("who", ["viewer", "auditor", "frozen account", "expired"])
def test_too_low_a_level_is_refused_with_a_reason(account, sign_in, name, more, body, who):
    user = UserFactory(is_auditor=who == "auditor")
    if who == "viewer":
        give(user, Level.VIEWER, account)
    elif who == "frozen account":
        give(user, Level.MANAGER, account)
        account.frozen_at, account.frozen_reason = timezone.now(), "Stolen phone"
        account.save()
    elif who == "expired":
        give(user, Level.VIEWER, account)
        give(make_team("Old", user), Level.MANAGER, account, expired=True)
    conversation = talk(account)
    before = Conversation.objects.values().get()
    answer = sign_in(user).post(reverse(f"mentions:{name}", args=[conversation.pk, *more]), body)
    assert answer.status_code == 403
    reason = "Stolen phone" if who == "frozen account" else "contributor"
    assert reason in answer.content.decode()
    assert Conversation.objects.values().get() == before
    assert not Note.objects.exists()


def test_a_person_who_is_frozen_is_signed_out(client, officer, account):
    officer.frozen_at = timezone.now()
    officer.save()
    assert client.get(page_of(talk(account))).status_code == 302


def test_a_filter_by_somebody_elses_account_is_404(client):
    foreign = CredentialFactory().account
    for name in ("inbox", "live"):
        url = reverse(f"mentions:{name}")
        assert client.get(url, {"account": foreign.pk}).status_code == 404
        assert client.get(url, {"account": "1 or 1"}).status_code == 404
    recent = reverse("mentions:account_recent", args=[foreign.pk])
    assert client.get(recent).status_code == 404


@pytest.mark.parametrize("name", ["inbox", "live"])
def test_reading_pages_take_no_post(client, name):
    assert client.post(reverse(f"mentions:{name}")).status_code == 405


@pytest.mark.parametrize(("name", "more", "body"), POSTS)
def test_changes_are_posts_with_a_token(account, officer, sign_in, name, more, body):
    from django.conf import settings as django_settings
    from django.test import Client

    url = reverse(f"mentions:{name}", args=[talk(account).pk, *more])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(officer, backend=django_settings.AUTHENTICATION_BACKENDS[1])
    assert strict.post(url, body).status_code == 403
    assert strict.get(url).status_code == 405


def test_the_unread_count_is_bounded_and_ones_own(account, officer, monkeypatch):
    actor = Actor.person(officer)
    assert selectors.unread_count(actor) == 0
    for _ in range(3):
        talk(account)
    talk(account, status=Status.OPEN)
    talk(CredentialFactory().account)
    assert selectors.unread_count(actor) == 3
    monkeypatch.setattr(selectors, "COUNTED", 2)
    assert selectors.unread_count(actor) == 2


# --- what it costs --------------------------------------------------------------------------


@pytest.mark.parametrize("level", [Level.VIEWER, Level.CONTRIBUTOR, Level.PUBLISHER])
def test_pages_cost_the_same_however_much_there_is(account, sign_in, level, settings):
    settings.REQUIRE_MFA = True
    user = UserFactory()
    Authenticator.objects.create(user=user, type="totp", data={})
    give(user, level, account)
    client = sign_in(user)
    conversation = talk(account)

    def cost(url: str, **headers: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get(url, **headers).status_code in (200, 204)
        return len(queries)

    cache.set(f"inbox-awake:{user.pk}:", 1)
    urls = [reverse("mentions:inbox"), page_of(conversation), reverse("mentions:live")]
    before = [cost(url) for url in urls]
    part = cost(page_of(conversation), **HTMX)
    for number in range(12):
        other = CredentialFactory().account
        give(user, level, other)
        talk(other, assignee=UserFactory())
        MentionFactory(conversation=conversation, author=ContactFactory())
        Note.objects.create(conversation=conversation, author=UserFactory(), text="x")
        delivery = DeliveryFactory(account=account, post__text=f"answer {number}")
        Reply.objects.create(
            conversation=conversation, mention=conversation.last_mention, post=delivery.post
        )
    assert [cost(url) for url in urls] == before
    assert cost(page_of(conversation), **HTMX) == part
    assert max(before) <= 12, before


def test_my_day_shows_what_is_ones_own_and_what_came_in(account, officer):
    actor = Actor.person(officer)
    assert (day.assigned_to(actor), day.came_in(actor)) == ([], [])
    mine = talk(account, assignee=officer)
    talk(account, assignee=officer, status=Status.DONE)
    talk(account, assignee=UserFactory())
    talk(CredentialFactory().account, assignee=officer)  # no longer theirs to see
    assert day.assigned_to(actor) == [mine]
    assert day.came_in(actor) == [day.CameIn(account.pk, account.display_name, 3)]

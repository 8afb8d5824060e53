"""Moderation on the pages of the inbox: the menu, the form, what stands on the message."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.levels import Level
from accounts.models import SocialAccount
from audit.models import Event
from mentions.models import Act, Conversation, Mention, Moderation, Outcome, Status
from platforms.contract import Refused
from tests.factories import (
    CredentialFactory,
    MentionFactory,
    ModerationFactory,
    UserFactory,
    give,
)
from tests.mentions.test_moderation import run
from tests.mentions.test_pages import HTMX, inbox, page_of, talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(account):
    user = UserFactory(full_name="Priya Nair")
    give(user, Level.PUBLISHER, account)
    return user


@pytest.fixture
def client(officer, sign_in):
    return sign_in(officer)


@pytest.fixture
def rude(account) -> Mention:
    conversation = talk(account, "You are <b>all</b> idiots.", kind="reply")
    return conversation.last_mention


def form_of(mention: Mention, act: Act = Act.HIDE) -> str:
    return reverse("mentions:moderate", args=[mention.conversation_id, mention.pk, act.value])


def shown(client, mention) -> str:
    response = client.get(page_of(mention.conversation))
    assert response.status_code == 200
    return response.content.decode()


def asked(client, mention, act=Act.HIDE, htmx=False, **body):
    data = {"reason": "abuse"} | body
    return client.post(form_of(mention, act), data, **(HTMX if htmx else {}))


def test_the_menu_has_what_this_network_can_do(client, rude):
    page = shown(client, rude)
    for act in (Act.HIDE, Act.REMOVE, Act.BLOCK):
        assert form_of(rude, act) in page
    for act in (Act.SHOW, Act.UNBLOCK):
        assert form_of(rude, act) not in page


def test_it_says_why_not_for_what_this_network_cannot_do(client, rude):
    SocialAccount.objects.update(platform="x")
    page = shown(client, rude)
    assert form_of(rude) in page
    assert form_of(rude, Act.BLOCK) not in page
    assert "X lets no program block people" in page
    Mention.objects.update(kind="mention")
    page = shown(client, rude)
    assert form_of(rude) not in page
    assert "replies under our own posts" in page


@pytest.mark.parametrize("who", ["viewer", "contributor", "frozen account"])
def test_whoever_may_not_moderate_has_no_menu_and_sees_what_was_done(account, rude, sign_in, who):
    user = UserFactory()
    give(user, Level.PUBLISHER if who == "frozen account" else Level(who), account)
    if who == "frozen account":
        SocialAccount.objects.update(frozen_at=timezone.now(), frozen_reason="a leak")
    ModerationFactory(mention=rude, by__full_name="Ben Hale", done=True, note="Insults a nurse.")
    client = sign_in(user)
    page = shown(client, rude)
    assert "Moderate" not in page
    assert "Hidden</strong> by Ben Hale" in page
    assert "Insults a nurse." in page
    assert client.get(form_of(rude, Act.SHOW)).status_code == 403
    assert asked(client, rude, Act.SHOW, reason="mistake").status_code == 403
    assert Moderation.objects.count() == 1


def test_what_is_somebody_elses_is_not_there(client, rude):
    elsewhere = MentionFactory(conversation__account=CredentialFactory().account, kind="reply")
    assert client.get(form_of(elsewhere)).status_code == 404
    assert asked(client, elsewhere).status_code == 404
    mixed = reverse("mentions:moderate", args=[rude.conversation_id, elsewhere.pk, "hide"])
    assert client.get(mixed).status_code == 404
    nonsense = reverse("mentions:moderate", args=[rude.conversation_id, rude.pk, "praise"])
    assert client.get(nonsense).status_code == 404
    other = reverse("mentions:blocked", args=[elsewhere.account_id])
    assert client.get(other).status_code == 404


def test_the_form_says_what_people_see_then_and_shows_the_text_escaped(client, rude):
    for act, words in [
        (Act.HIDE, "folded away under your post"),
        (Act.REMOVE, "Nobody can bring it back"),
        (Act.BLOCK, "can no longer answer the account"),
    ]:
        page = client.get(form_of(rude, act)).content.decode()
        assert words in page
        assert "&lt;b&gt;all&lt;/b&gt; idiots" in page
    SocialAccount.objects.update(platform="facebook")
    assert "Its author and their friends still see it" in client.get(form_of(rude)).content.decode()


def test_for_htmx_the_form_is_a_dialog(client, rude):
    page = client.get(form_of(rude), **HTMX).content.decode()
    assert page.lstrip().startswith("<dialog")
    assert "<html" not in page


def test_asking_is_said_as_asking_until_the_platform_has_done_it(network, client, rude):
    response = asked(client, rude, note="Names a nurse.")
    assert (response.status_code, response["Location"]) == (302, page_of(rude.conversation))
    page = shown(client, rude)
    assert "Asking Sandbox to hide it." in page
    assert "Asked Sandbox to hide it</strong>" in page
    assert "Hidden</strong>" not in page
    run()
    page = shown(client, rude)
    assert "Hidden</strong> by Priya Nair" in page
    assert "Insults or harassment." in page
    assert "Names a nurse." in page
    assert form_of(rude, Act.SHOW) in page
    assert form_of(rude) not in page


def test_what_the_platform_refused_is_said_in_its_words(network, client, rude):
    network.trouble = Refused("The Sandbox refused this (403). It says: <i>no</i>.")
    asked(client, rude)
    run()
    page = shown(client, rude)
    assert "Not hidden.</strong>" in page
    assert "It says: &lt;i&gt;no&lt;/i&gt;." in page
    assert form_of(rude) in page, "it can be tried again"


def test_the_answer_to_htmx_is_the_conversation(client, rude):
    page = asked(client, rude, htmx=True).content.decode()
    assert f'id="thread-{rude.conversation_id}"' in page
    assert "Asked Sandbox to hide it" in page


@pytest.mark.parametrize("htmx", [True, False])
def test_nothing_typed_is_lost_when_a_reason_is_missing(client, rude, htmx):
    response = asked(client, rude, htmx=htmx, reason="other", note=" ")
    page = response.content.decode()
    assert response.status_code == 422
    assert "Say in the note why" in page
    assert '<option value="other" selected' in page
    if htmx:
        assert response["HX-Retarget"] == "#moderate-form"
        assert page.lstrip().startswith("<form")
    response = asked(client, rude, htmx=htmx, reason="", note="He did it again.")
    assert "Choose why" in response.content.decode()
    assert "He did it again." in response.content.decode()
    assert not Moderation.objects.exists()
    assert not Event.objects.filter(name__startswith="moderation.").exists()


def test_a_form_for_what_is_so_already_says_so_and_has_no_button(client, rude):
    ModerationFactory(mention=rude, done=True)
    page = client.get(form_of(rude)).content.decode()
    assert "It is so already" in page
    assert 'id="moderate-reason"' not in page
    assert "It is so already" in asked(client, rude).content.decode()


def test_deleted_there_is_still_read_here(network, client, rude):
    asked(client, rude, Act.REMOVE)
    run()
    page = shown(client, rude)
    assert "Deleted</strong> by Priya Nair" in page
    assert "idiots" in page
    assert form_of(rude) not in page


def test_who_is_blocked_stands_in_the_conversation_and_in_a_list(network, client, account, rude):
    listed = reverse("mentions:blocked", args=[account.pk])
    assert "Nobody is blocked" in client.get(listed).content.decode()
    asked(client, rude, Act.BLOCK, reason="threat", note="Second time.")
    assert "Nobody is blocked" in client.get(listed).content.decode()
    run()
    page = client.get(listed).content.decode()
    assert "Blocked by Priya Nair" in page
    assert "Threats or incitement." in page
    assert form_of(rude, Act.UNBLOCK) in page
    elsewhere = talk(account, "Again me.", kind="reply", contact=rude.author)
    page = shown(client, elsewhere.last_mention)
    assert "Blocked on this account by Priya Nair" in page
    assert form_of(elsewhere.last_mention, Act.UNBLOCK) in page
    asked(client, elsewhere.last_mention, Act.UNBLOCK, reason="reviewed")
    run()
    assert "Nobody is blocked" in client.get(listed).content.decode()


def test_the_list_of_the_blocked_says_why_there_is_none(client, account):
    SocialAccount.objects.update(platform="instagram")
    page = client.get(reverse("mentions:blocked", args=[account.pk])).content.decode()
    assert "Instagram lets no program block people" in page


def test_a_viewer_reads_the_list_and_cannot_unblock(account, rude, sign_in):
    ModerationFactory(mention=rude, act="block", done=True)
    user = UserFactory()
    give(user, Level.VIEWER, account)
    page = sign_in(user).get(reverse("mentions:blocked", args=[account.pk])).content.decode()
    assert str(rude.author) in page
    assert form_of(rude, Act.UNBLOCK) not in page


def test_the_inbox_finds_what_was_hidden_also_when_it_is_done(client, account, rude):
    talk(account, "harmless words")
    assert "Nothing is hidden" in inbox(client, view="moderated")
    one = ModerationFactory(mention=rude)
    assert "idiots" in inbox(client, view="moderated")
    Moderation.objects.update(state=Outcome.DONE, in_force=True)
    Conversation.objects.filter(pk=rude.conversation_id).update(status=Status.DONE)
    page = inbox(client, view="moderated")
    assert "idiots" in page
    assert "harmless" not in page
    Moderation.objects.filter(pk=one.pk).update(in_force=False)
    assert "idiots" not in inbox(client, view="moderated")


def test_an_open_page_learns_when_it_is_done(network, client, rude):
    asked(client, rude)
    live = reverse("mentions:live")
    news = {"open": rude.conversation_id, "thread": "old", "list": "old"}
    token = client.get(live, news).content.decode().split('name="thread"')[1].split('value="')[1]
    query = {"open": rude.conversation_id, "thread": token.split('"')[0]}
    assert "Hidden</strong>" not in client.get(live, query).content.decode()
    run()
    assert "Hidden</strong> by Priya Nair" in client.get(live, query).content.decode()


def test_the_page_costs_the_same_however_much_was_moderated(
    client, account, rude, django_assert_max_num_queries
):
    for _ in range(5):
        mention = MentionFactory(conversation=rude.conversation, kind="reply")
        ModerationFactory(mention=mention, done=True)
        ModerationFactory(mention=mention, act="block", done=True)
    with django_assert_max_num_queries(12):
        shown(client, rude)
    with django_assert_max_num_queries(12):
        client.get(reverse("mentions:blocked", args=[account.pk]))

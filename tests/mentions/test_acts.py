"""What people do with conversations, by service and by page."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Level
from audit.actions import NotAllowed
from audit.models import Event
from mentions.models import Conversation, Note, Reply, Status
from mentions.services import conversations
from scheduling.content import content_hash
from scheduling.errors import Stale
from scheduling.models import Delivery, Post
from scheduling.services.deliveries import delivery_approve
from scheduling.states import State
from tests.factories import (
    COMMAND,
    CredentialFactory,
    MentionFactory,
    UserFactory,
    give,
    make_team,
    person,
)
from tests.mentions.test_pages import HTMX, page_of, talk

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(account):
    user = UserFactory(full_name="Priya Nair")
    give(user, Level.PUBLISHER, account)
    return user


@pytest.fixture
def contributor(account):
    user = UserFactory(full_name="Callum Reid")
    give(user, Level.CONTRIBUTOR, account)
    return user


@pytest.fixture
def conversation(account):
    return talk(account)


@pytest.fixture
def client(officer, sign_in):
    return sign_in(officer)


def post(client, name, conversation, *args, htmx=True, query="", **body):
    url = reverse(f"mentions:{name}", args=[conversation.pk, *args]) + query
    return client.post(url, body, **(HTMX if htmx else {}))


def answer(client, conversation, text="We are on our way.", **body):
    body = {"to": conversation.last_mention_id, "answered": 0, "text": text} | body
    return post(client, "reply", conversation, **body)


def names() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("name", flat=True))


# --- reading and marking --------------------------------------------------------------------


def test_reading_opens_what_was_unread_once(client, conversation, officer):
    first = post(client, "read", conversation)
    assert (first.status_code, first["HX-Trigger"]) == (204, "inbox:refresh")
    conversation.refresh_from_db()
    assert (conversation.status, conversation.version) == (Status.OPEN, 2)
    event = Event.objects.get(name="conversation.read")
    assert (event.actor_id, event.account_id) == (officer.pk, conversation.account_id)
    again = post(client, "read", conversation)
    assert again.status_code == 204
    assert "HX-Trigger" not in again
    assert names().count("conversation.read") == 1


def test_done_open_and_unread_each_with_its_event_and_an_undo(client, conversation):
    for status, event in [
        ("done", "conversation.done"),
        ("open", "conversation.reopened"),
        ("unread", "conversation.unread"),
    ]:
        before = Conversation.objects.get().status
        page = post(client, "status", conversation, status).content.decode()
        assert Conversation.objects.get().status == status
        assert names()[-1] == event
        undo = reverse("mentions:status", args=[conversation.pk, before])
        assert undo in page
        assert "Undo" in page


def test_marking_unread_does_not_read_it_again_at_once(client, conversation):
    Conversation.objects.update(status=Status.OPEN)
    page = post(client, "status", conversation, "unread").content.decode()
    assert reverse("mentions:read", args=[conversation.pk]) not in page


def test_what_is_so_already_is_said_and_not_recorded(client, conversation):
    page = post(client, "status", conversation, "unread").content.decode()
    assert "unread already" in page
    assert names().count("conversation.unread") == 0


def test_a_status_that_is_none_is_refused(client, conversation):
    page = post(client, "status", conversation, "deleted")
    assert "unread, open or done" in page.content.decode()
    assert Conversation.objects.get().status == Status.UNREAD


def test_without_scripts_one_goes_back_to_the_conversation_with_the_filters(client, conversation):
    response = post(client, "status", conversation, "done", htmx=False, query="?view=mine&q=bridge")
    assert response.status_code == 302
    assert response["Location"] == page_of(conversation) + "?view=mine&q=bridge"
    assert "Marked done" in client.get(response["Location"]).content.decode()


# --- assigning ------------------------------------------------------------------------------


def test_assigning_to_somebody_who_may_view(client, conversation, account, officer):
    colleague = UserFactory(full_name="Sam Adeyemi")
    give(make_team("Crew", colleague), Level.VIEWER, account)
    page = post(client, "assign", conversation, assignee=str(colleague.pk)).content.decode()
    assert "Assigned to Sam Adeyemi." in page
    assert Conversation.objects.get().assignee == colleague
    event = Event.objects.get(name="conversation.assigned")
    assert event.data["after"] == {"id": colleague.pk, "label": "Sam Adeyemi"}
    mine = post(client, "assign_to", conversation, officer.pk).content.decode()
    assert "Assigned to you." in mine
    nobody = post(client, "assign_to", conversation, 0).content.decode()
    assert "Nobody is assigned now." in nobody
    assert names()[-1] == "conversation.unassigned"


@pytest.mark.parametrize("who", ["outsider", "left", "frozen", "expired", "nobody", "nonsense"])
def test_assigning_to_somebody_who_may_not_view_is_refused(client, conversation, account, who):
    user = UserFactory(full_name="Hidden Name")
    if who in ("left", "frozen", "expired"):
        give(user, Level.MANAGER, account, expired=who == "expired")
        user.is_active = who != "left"
        user.frozen_at = timezone.now() if who == "frozen" else None
        user.save()
    value = {"nobody": str(10**9), "nonsense": "x;1"}.get(who, str(user.pk))
    page = post(client, "assign", conversation, assignee=value).content.decode()
    assert "may not see the account" in page
    assert "Hidden Name" not in page
    assert Conversation.objects.get().assignee is None
    assert names().count("conversation.assigned") == 0


def test_assigning_twice_to_the_same_is_said(client, conversation, officer):
    post(client, "assign_to", conversation, officer.pk)
    page = post(client, "assign_to", conversation, officer.pk).content.decode()
    assert "assigned to Priya Nair already" in page
    post(client, "assign_to", conversation, 0)
    assert "nobody already" in post(client, "assign_to", conversation, 0).content.decode()


# --- notes ----------------------------------------------------------------------------------


def test_a_note_is_kept_and_its_words_stay_out_of_the_record(client, conversation, officer):
    page = post(client, "note", conversation, note=" Ask the\r\ncrew.\x00 ").content.decode()
    note = Note.objects.get()
    assert (note.text, note.author) == ("Ask the\ncrew.", officer)
    assert "Ask the<br>crew." in page
    event = Event.objects.get(name="conversation.noted")
    assert event.data == {"note": note.pk, "characters": 13}
    assert "crew" not in event.words


def test_an_empty_or_endless_note_is_refused(client, conversation):
    for words, said in [
        ("  ", "Write the note first"),
        ("x" * 5_001, "5,000"),
    ]:
        assert said in post(client, "note", conversation, note=words).content.decode()
    assert not Note.objects.exists()


# --- answering ------------------------------------------------------------------------------


def test_a_publishers_reply_is_queued_at_once_with_what_it_answers(client, conversation, officer):
    page = answer(client, conversation)
    assert page.status_code == 200
    reply = Reply.objects.get()
    delivery = Delivery.objects.get(post=reply.post)
    assert (delivery.state, delivery.sender) == (State.SCHEDULED, officer)
    assert delivery.due_at <= timezone.now()
    assert delivery.reply_to["remote_id"] == conversation.last_mention.remote_id
    assert delivery.reply_to["text"] == conversation.last_mention.text
    assert reply.mention == conversation.last_mention
    conversation.refresh_from_db()
    assert conversation.status == Status.OPEN
    words = page.content.decode()
    assert "Sending the reply as" in words
    assert "Scheduled" in words
    assert "Published" not in words
    event = Event.objects.get(name="conversation.answered")
    assert (event.post_id, event.data["state"]) == (reply.post_id, "scheduled")


def test_the_adapters_own_reference_is_what_goes_out(client, conversation):
    mention = conversation.last_mention
    mention.reply_ref = {"remote_id": "at://post", "extra": {"cid": "c1", "root_uri": "at://root"}}
    mention.save()
    answer(client, conversation)
    reply_to = Delivery.objects.get().reply_to
    assert reply_to["remote_id"] == "at://post"
    assert reply_to["extra"] == {"cid": "c1", "root_uri": "at://root"}


def test_a_contributors_reply_waits_for_approval(conversation, contributor, sign_in):
    page = answer(sign_in(contributor), conversation).content.decode()
    assert Delivery.objects.get().state == State.IN_REVIEW
    assert "Sent for approval." in page
    assert "In review" in page


def test_a_reply_goes_out_on_approval_however_long_that_took(
    conversation, contributor, sign_in, account
):
    answer(sign_in(contributor), conversation)
    Delivery.objects.update(due_at=timezone.now() - timedelta(hours=3))
    approver = UserFactory()
    give(approver, Level.APPROVER, account)
    waiting = Delivery.objects.get()
    delivery_approve(actor=person(approver), delivery=waiting, content_hash=content_hash(waiting))
    sent = Delivery.objects.get()
    assert sent.state == State.SCHEDULED
    assert timezone.now() - sent.due_at < timedelta(minutes=1)


def test_where_everybody_needs_approval_so_does_a_publisher(client, conversation, account):
    account.approval_required = True
    account.save()
    answer(client, conversation)
    assert Delivery.objects.get().state == State.IN_REVIEW


def test_reply_and_done_in_one_step(client, conversation):
    assert "The conversation is done." in answer(client, conversation, done="yes").content.decode()
    assert Conversation.objects.get().status == Status.DONE
    assert "conversation.done" in names()


def test_a_reply_to_what_is_done_opens_it_again_or_leaves_it_done(client, conversation):
    Conversation.objects.update(status=Status.DONE)
    answer(client, conversation, done="yes")
    assert Conversation.objects.get().status == Status.DONE
    assert names().count("conversation.done") == 0


@pytest.mark.parametrize("words", ["", "   ", "x" * 501, "\x00"])
def test_a_reply_that_cannot_go_out_is_kept_on_the_page(client, conversation, words):
    page = answer(client, conversation, words)
    assert page.status_code == 422
    assert "reply-errors" in page.content.decode()
    if words.strip("\x00 "):
        assert words in page.content.decode()
    assert not Post.objects.exists()
    assert not Reply.objects.exists()
    conversation.refresh_from_db()
    assert conversation.status == Status.UNREAD


def test_a_refused_reply_without_scripts_shows_the_whole_page(client, conversation):
    url = reverse("mentions:reply", args=[conversation.pk])
    body = {"to": conversation.last_mention_id, "answered": 0, "text": "x" * 501}
    page = client.post(url, body)
    assert page.status_code == 422
    assert "<html" in page.content.decode()
    assert "x" * 501 in page.content.decode()


def test_pressing_twice_sends_once(client, conversation):
    answer(client, conversation)
    page = answer(client, conversation)
    assert page.status_code == 422
    assert "on its way already" in page.content.decode()
    assert Post.objects.count() == 1


def test_a_colleagues_answer_in_between_is_noticed_and_nothing_lost(
    client, conversation, contributor, sign_in
):
    answer(sign_in(contributor), conversation, "Mine came first.")
    page = answer(client, conversation, "Mine came second.")
    words = page.content.decode()
    assert page.status_code == 409
    assert "Callum Reid has answered in the meantime" in words
    assert "Mine came second." in words
    assert "Mine came first." in words
    assert Post.objects.count() == 1
    seen = page.context["opened"].thread.answered
    assert answer(client, conversation, "Mine came second.", answered=seen).status_code == 200
    assert Post.objects.count() == 2


def test_ones_own_second_answer_from_an_old_page_is_noticed_too(client, conversation):
    answer(client, conversation, "First.")
    assert "You have answered" in answer(client, conversation, "Second.").content.decode()


def test_the_same_words_may_be_said_again_later(client, conversation):
    answer(client, conversation)
    Post.objects.update(created_at=timezone.now() - timedelta(hours=1))
    seen = Reply.objects.get().pk
    assert answer(client, conversation, answered=seen).status_code == 200


def test_two_colleagues_at_once_do_not_both_answer(transactional_db):
    account = CredentialFactory().account
    conversation = talk(account)
    people = [UserFactory(), UserFactory()]
    for user in people:
        give(user, Level.PUBLISHER, account)
    start = threading.Barrier(2)
    ended: list[str] = []

    def run(user, words):
        start.wait()
        try:
            conversations.conversation_reply(
                actor=person(user),
                conversation=conversation,
                mention=conversation.last_mention,
                text=words,
                answered=0,
            )
            ended.append("sent")
        except Stale:
            ended.append("told")
        finally:
            connection.close()

    threads = [
        threading.Thread(target=run, args=(user, words))
        for user, words in zip(people, ["One.", "Two."], strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ended) == ["sent", "told"]
    assert Reply.objects.count() == 1


def test_a_mention_of_another_conversation_cannot_be_answered_here(client, conversation, account):
    own, foreign = talk(account), talk(CredentialFactory().account)
    for other in (own, foreign):
        page = answer(client, conversation, to=other.last_mention_id)
        assert page.status_code == 404
    assert answer(client, conversation, to="x").status_code == 422
    with pytest.raises(Invalid):
        conversations.conversation_reply(
            actor=person(
                Conversation._meta.get_field("assignee").related_model.objects.get(
                    full_name="Priya Nair"
                )
            ),
            conversation=conversation,
            mention=own.last_mention,
            text="x",
        )
    assert not Post.objects.exists()


def test_an_older_message_is_answered_when_chosen(client, conversation):
    old = MentionFactory(conversation=conversation, posted_at=timezone.now() - timedelta(days=2))
    answer(client, conversation, to=old.pk)
    assert Reply.objects.get().mention == old


def test_a_platform_that_takes_no_replies_is_not_asked(conversation, officer, monkeypatch):
    monkeypatch.setattr("accounts.models.SocialAccount.can", lambda *_: False)
    with pytest.raises(Invalid, match="no replies"):
        conversations.conversation_reply(
            actor=person(officer),
            conversation=conversation,
            mention=conversation.last_mention,
            text="x",
        )


def test_counting_writes_nothing_and_counts_as_the_platform_does(client, conversation):
    page = post(client, "reply_check", conversation, text="x" * 499).content.decode()
    assert "1 left" in page
    over = post(client, "reply_check", conversation, text="x" * 503).content.decode()
    assert "3 too many" in over
    foreign = talk(CredentialFactory().account)
    assert post(client, "reply_check", foreign, text="x").status_code == 404


# --- services refuse by themselves ----------------------------------------------------------


CALLS = [
    (conversations.conversation_read, {}),
    (conversations.conversation_set_status, {"status": "done"}),
    (conversations.conversation_assign, {"assignee": None}),
    (conversations.conversation_note, {"text": "x"}),
    (conversations.conversation_reply, {"text": "x", "mention": None}),
]


@pytest.mark.parametrize(("service", "arguments"), CALLS)
def test_no_service_trusts_its_caller(service, arguments, conversation, account):
    viewer, frozen = UserFactory(), UserFactory(frozen_at=timezone.now())
    give(viewer, Level.VIEWER, account)
    give(frozen, Level.MANAGER, account)
    before = Conversation.objects.values().get()
    for actor in (person(UserFactory()), person(viewer), person(frozen), COMMAND):
        with pytest.raises(NotAllowed):
            service(actor=actor, conversation=conversation, **arguments)
    assert Conversation.objects.values().get() == before
    assert names().count("access.refused") == 4

"""The story of one post, from its first word to its permalink."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from audit.models import Event
from platforms.contract import OutcomeUnknown, Published, Refused, RetryLater
from scheduling.content import content_hash
from scheduling.engine import claim, outcomes, publish
from scheduling.models import Approval, Attempt, Decided, Delivery, Outcome, Post
from scheduling.selectors import story as selectors
from scheduling.selectors.story import posts_on, story_of, versions_of
from scheduling.selectors.story_steps import steps_of
from scheduling.services.deliveries import delivery_approve, delivery_cancel, delivery_return
from scheduling.services.posts import post_create, post_edit, post_send, post_submit
from tests.factories import (
    CredentialFactory,
    DeliveryFactory,
    SocialAccountFactory,
    UserFactory,
    give,
    person,
)

pytestmark = pytest.mark.django_db
PERMALINK = "https://social.example/@fire/1"


@pytest.fixture
def fire():
    account = SocialAccountFactory(display_name="Northmoor Fire")
    CredentialFactory(account=account)
    return account


@pytest.fixture
def police():
    account = SocialAccountFactory(display_name="Northmoor Police")
    CredentialFactory(account=account)
    return account


@pytest.fixture
def ana(fire, police):
    return with_level("Ana Reyes", "contributor", fire, police)


@pytest.fixture
def sam(fire, police):
    return with_level("Sam Ortega", "approver", fire, police)


def with_level(name, level, *accounts):
    user = UserFactory(full_name=name)
    for account in accounts:
        give(user, level, account)
    return user


def soon():
    return timezone.now() + timedelta(minutes=1)


def approve(user, delivery, comment=""):
    delivery.refresh_from_db()
    delivery_approve(
        actor=person(user),
        delivery=delivery,
        content_hash=content_hash(Delivery.objects.get(pk=delivery.pk)),
        comment=comment,
    )


def publish_with(monkeypatch, *answers):
    """Let the engine try once for each answer: a Published, or what the platform says instead."""
    given = list(answers)

    def send(delivery):
        answer = given.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(publish, "_send", send)
    for n in range(len(answers)):
        with time_machine.travel(timezone.now() + timedelta(minutes=2 + 10 * n)):
            for delivery_id, fence in claim.claim_due():
                publish.publish(delivery_id, fence)


def went_out():
    return Published("r-1", PERMALINK, timezone.now())


def page(client, post, **asked):
    return client.get(f"/posts/{post.pk}/story/", asked)


def text_of(response):
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode())))


def told(user, post, account_id=None):
    return steps_of(story_of(person(user), post.pk, account_id))


# --- the whole of it ------------------------------------------------------------------------------


def test_from_the_first_word_to_the_permalink(sign_in, monkeypatch, fire, ana, sam):
    post = post_create(actor=person(ana), text="Bridge closed.", accounts=[fire], due_at=soon())
    post_submit(actor=person(ana), post=post)
    delivery = post.deliveries.get()
    delivery_return(actor=person(sam), delivery=delivery, comment="Until when?")
    post_edit(
        actor=person(ana), post=post, version=post.version,
        text="Bridge closed until six.", accounts=[fire], due_at=soon(),
    )  # fmt: skip
    post_submit(actor=person(ana), post=post)
    approve(sam, delivery, "Good.")
    publish_with(monkeypatch, RetryLater("Too busy.", code="503"), went_out())

    steps = told(ana, post)
    assert [(step.who, step.did) for step in steps] == [
        ("Ana Reyes", "wrote the post"),
        ("Ana Reyes", "sent for approval"),
        ("Sam Ortega", "returned with a comment"),
        ("Ana Reyes", "changed the post"),
        ("Ana Reyes", "sent for approval"),
        ("Sam Ortega", "approved"),
        ("Sam Ortega", "scheduled"),
        ("Socialdesk (publisher)", "will try again"),
        ("Socialdesk (publisher)", "published"),
    ]
    assert [step.state for step in steps] == [
        "", "in_review", "draft", "", "in_review", "approved", "scheduled", "scheduled",
        "published",
    ]  # fmt: skip
    assert steps[0].quote == "Bridge closed."
    assert (steps[2].quoted, steps[2].quote) == ("Comment", "Until when?")
    assert steps[3].facts[0].parts == (
        ("same", "Bridge "), ("out", "closed."), ("in", "closed until six."),
    )  # fmt: skip
    assert steps[5].quote == "Good."
    assert steps[6].due is not None
    assert "could not be done just then: Too busy. (code 503)" in steps[7].answer
    assert (steps[7].number, steps[8].number) == (1, 2)
    assert steps[8].proof == "Exactly what Sam Ortega approved"
    assert steps[8].permalink == PERMALINK

    shown = text_of(page(sign_in(ana), post))
    for words in ("Until when?", "Put in: closed until six.", "Attempt 2: The platform took it."):
        assert words in shown
    assert f'href="{PERMALINK}"' in page(sign_in(ana), post).content.decode()


def test_refused_and_in_doubt(monkeypatch, fire, police, ana, sam):
    post = post_create(actor=person(ana), text="x y z", accounts=[fire, police], due_at=soon())
    post_submit(actor=person(ana), post=post)
    for delivery in post.deliveries.all():
        approve(sam, delivery)
    answers = iter([Refused("It is a duplicate.", code="422"), OutcomeUnknown("No answer came.")])
    monkeypatch.setattr(publish, "_send", lambda _: (_ for _ in ()).throw(next(answers)))
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        for delivery_id, fence in claim.claim_due():
            publish.publish(delivery_id, fence)
    failed, doubted = told(ana, post)[-2:]
    assert (failed.state, failed.account, failed.tone) == ("failed", fire, "red")
    assert failed.answer == "The platform refused it: It is a duplicate. (code 422)"
    assert (doubted.state, doubted.account) == ("unknown", police)
    assert doubted.answer == "It could not be told whether it went out: No answer came."


def test_an_attempt_under_way_and_one_nobody_ended(monkeypatch, fire, ana, sam):
    post = post_create(actor=person(ana), text="x", accounts=[fire], due_at=soon())
    post_submit(actor=person(ana), post=post)
    approve(sam, post.deliveries.get())
    monkeypatch.setattr(
        outcomes, "_finish", lambda sent, **_: {s.begun.delivery.pk: "" for s in sent}
    )
    publish_with(monkeypatch, went_out())
    step = told(ana, post)[-1]
    assert (step.did, step.number) == ("began an attempt to publish", 1)
    assert step.answer == "This attempt is still under way."
    Attempt.objects.update(outcome=Outcome.ABANDONED)
    assert told(ana, post)[-1].answer == "Given up before anything was sent."
    Attempt.objects.all().delete()
    assert told(ana, post)[-1].answer == ""


def test_called_off_with_a_reason(fire, ana):
    post = post_create(actor=person(ana), text="x", accounts=[fire])
    delivery_cancel(actor=person(ana), delivery=post.deliveries.get(), reason="Not needed")
    step = told(ana, post)[-1]
    assert (step.state, step.quoted, step.quote) == ("cancelled", "Reason", "Not needed")


# --- what was sent and what was approved ----------------------------------------------------------


@pytest.fixture
def sent(monkeypatch, fire):
    sue = with_level("Sue Park", "publisher", fire)
    post = post_create(actor=person(sue), text="x", accounts=[fire], due_at=soon())
    post_send(actor=person(sue), post=post)
    publish_with(monkeypatch, went_out())
    return sue, post


def test_sent_without_review_is_said(sent):
    assert told(*sent)[-1].proof == "Sent without review"


def approval(post, sam, content_hash="0" * 64):
    made = Approval.objects.create(
        delivery=post.deliveries.get(), decided=Decided.APPROVED, by=sam, content={},
        content_hash=content_hash,
    )  # fmt: skip
    Approval.objects.filter(pk=made.pk).update(at=timezone.now() - timedelta(days=1))


def test_not_what_was_approved_is_an_alarm(sent, sam):
    sue, post = sent
    approval(post, sam)
    post.deliveries.update(reviewed=True)
    step = told(sue, post)[-1]
    assert (step.proof, step.proof_tone) == ("Not what Sam Ortega approved", "red")


def test_an_approval_that_no_longer_counts_is_none(sent, sam):
    sue, post = sent
    approval(post, sam)
    assert told(sue, post)[-1].proof.startswith("Sent without review, after an earlier version")


# --- who may see it -------------------------------------------------------------------------------


def test_who_may_not(sign_in, fire, ana, administrator):
    post = post_create(actor=person(ana), text="Bridge closed.", accounts=[fire])
    assert page(Client(), post).status_code == 302
    elsewhere = with_level("Else Where", "manager", SocialAccountFactory())
    ended = UserFactory()
    give(ended, "viewer", fire, expired=True)
    # An administrator has something on the account, so is told what is lacking.
    refused = {administrator: 403} | dict.fromkeys((UserFactory(), elsewhere, ended), 404)
    for user, status in refused.items():
        response = page(sign_in(user), post)
        assert response.status_code == status
        assert "Bridge" not in response.content.decode()
    assert sign_in(ana).post(f"/posts/{post.pk}/story/").status_code == 405


def test_a_viewer_of_one_account_sees_that_one_alone(sign_in, auditor, fire, police, ana):
    own = {police.pk: "The secret version."}
    post = post_create(actor=person(ana), text="Main.", accounts=[fire, police], own_texts=own)
    post_submit(actor=person(ana), post=post)
    client = sign_in(with_level("Vic", "viewer", fire))
    for asked in ({}, {"account": fire.pk}, {"part": "story"}):
        response = page(client, post, **asked)
        assert response.status_code == 200
        for secret in ("secret version", "Police"):
            assert secret not in response.content.decode()
    assert page(client, post, account=police.pk).status_code == 404
    assert "secret version" in page(sign_in(auditor), post).content.decode()


def test_one_accounts_story_is_its_own(sign_in, fire, police, ana, sam):
    post = post_create(actor=person(ana), text="Main.", accounts=[fire, police])
    post_submit(actor=person(ana), post=post)
    approve(sam, post.deliveries.get(account=police))
    assert {s.account for s in told(ana, post, fire.pk) if s.account} == {fire}
    assert "approved" not in [s.did for s in told(ana, post, fire.pk)]
    shown = page(sign_in(ana), post, account=fire.pk).content.decode()
    assert 'aria-current="page"' in shown


@pytest.mark.parametrize("account", ["x", "-1", "0", "9" * 30, "²", "1.0", "1\t"])
def test_an_account_that_is_none_is_not_found(sign_in, fire, ana, account):
    post = post_create(actor=person(ana), text="x", accounts=[fire])
    assert page(sign_in(ana), post, account=account).status_code == 404


@pytest.mark.parametrize("number", [0, 10**15, 2**63, 10**40])
def test_a_post_that_is_not_there(sign_in, auditor, number):
    assert sign_in(auditor).get(f"/posts/{number}/story/").status_code == 404


def test_posts_on_some_accounts_and_on_no_other(fire, police):
    both = DeliveryFactory(account=fire).post
    DeliveryFactory(account=police, post=both)
    alone = DeliveryFactory(account=fire).post
    assert set(posts_on([fire.pk]).values_list("post_id", flat=True)) == {both.pk, alone.pk}
    assert list(posts_on([fire.pk], True).values_list("post_id", flat=True)) == [alone.pk]


# --- how it is shown ------------------------------------------------------------------------------


def test_hostile_words_are_shown_and_not_run(sign_in, fire, ana, sam):
    script = "<script>alert(1)</script>"
    fire.display_name = script
    fire.save()
    post = post_create(actor=person(ana), text=script, accounts=[fire])
    post_edit(
        actor=person(ana), post=post, version=1, text=f"{script} & more words",
        accounts=[fire], own_texts={fire.pk: script},
    )  # fmt: skip
    post_submit(actor=person(ana), post=post)
    delivery_return(actor=person(sam), delivery=post.deliveries.get(), comment=script)
    html = page(sign_in(ana), post).content.decode()
    assert script not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", 'data:text/html,"', 7, None, ["https://x"]]
)
def test_a_permalink_leads_to_the_web_or_nowhere(sign_in, fire, ana, link):
    delivery = DeliveryFactory(account=fire, post__author=ana)
    Event.objects.create(
        name="delivery.published", act=uuid.uuid4(), actor_kind="worker", actor_label="publisher",
        subject_type="scheduling.delivery", subject_id=str(delivery.pk), post_id=delivery.post_id,
        account_id=fire.pk, data={"permalink": link, "due_at": "never", "to": "nonsense"},
    )  # fmt: skip
    step = told(ana, delivery.post)[-1]
    assert (step.permalink, step.due, step.state) == ("", None, "")
    assert "alert(1)" not in page(sign_in(ana), delivery.post).content.decode()


def test_events_of_other_rooms_are_told_in_their_own_words(fire, ana):
    post = post_create(actor=person(ana), text="x", accounts=[fire])
    Event.objects.create(
        name="mentions.received", act=uuid.uuid4(), actor_kind="worker", actor_label="poller",
        post_id=post.pk, account_id=fire.pk, subject_type="", data={"count": 3},
    )  # fmt: skip
    step = told(ana, post)[-1]
    assert (step.icon, step.facts[0].value) == ("circle", "3")


def test_a_post_without_a_record_says_so(sign_in, fire, ana):
    delivery = DeliveryFactory(account=fire, post__author=ana)
    assert "Nothing is on record of this post" in text_of(page(sign_in(ana), delivery.post))


def test_a_story_too_long_for_a_page_says_where_the_rest_is(monkeypatch, sign_in, fire, ana):
    monkeypatch.setattr(selectors, "EVENTS_MAX", 2)
    post = post_create(actor=person(ana), text="x", accounts=[fire])
    post_submit(actor=person(ana), post=post)
    assert "The rest is in the record" not in text_of(page(sign_in(ana), post))
    delivery_cancel(actor=person(ana), delivery=post.deliveries.get())
    shown = page(sign_in(ana), post)
    assert "The rest is in the record" in text_of(shown)
    assert f"/record/?post={post.pk}" in shown.content.decode()


def test_the_part_for_other_pages_is_a_fragment(sign_in, fire, ana):
    post = post_create(actor=person(ana), text="x", accounts=[fire])
    response = page(sign_in(ana), post, part="story")
    assert "<html" not in response.content.decode()
    assert '<ol class="story">' in response.content.decode()


def test_queries_do_not_grow_with_the_story(
    sign_in, ana, sam, django_assert_max_num_queries, monkeypatch
):
    accounts = SocialAccountFactory.create_batch(8)
    for account in accounts:
        give(ana, "contributor", account)
        give(sam, "approver", account)
    post = post_create(actor=person(ana), text="x", accounts=accounts, due_at=soon())
    for n in range(6):
        post_edit(
            actor=person(ana), post=post, version=post.version, text=f"x {n}",
            accounts=accounts, due_at=soon(),
        )  # fmt: skip
    post_submit(actor=person(ana), post=post)
    for delivery in post.deliveries.all():
        approve(sam, delivery)
    client = sign_in(ana)
    page(client, post)
    with django_assert_max_num_queries(12):
        assert page(client, post).status_code == 200


# --- versions -------------------------------------------------------------------------------------


def test_versions_of_what_each_account_says(sign_in, fire, police, ana):
    with time_machine.travel("2026-11-01 09:00Z", tick=False) as clock:
        post = post_create(
            actor=person(ana), text="One.", accounts=[fire, police], own_texts={police.pk: "Own."}
        )
        for text, own in (("Two.", "Own."), ("Two.", "Own two."), ("Three.", None), ("Three.", "")):
            clock.shift(60)
            own_texts = {} if own is None else {police.pk: own}
            post_edit(
                actor=person(ana), post=post, version=post.version, text=text,
                accounts=[fire, police], own_texts=own_texts,
            )  # fmt: skip
        clock.shift(60)
        Post.objects.get(pk=post.pk).save()
    deliveries = list(post.deliveries.order_by("account__display_name"))
    versions = versions_of(deliveries)
    assert [v.text for v in versions[deliveries[0].pk]] == ["One.", "Two.", "Three."]
    assert [v.text for v in versions[deliveries[1].pk]] == ["Own.", "Own two.", "Three.", ""]
    second = versions[deliveries[0].pk][1]
    assert (second.number, second.who, second.at.minute) == (2, "Ana Reyes", 1)
    assert second.parts == (("out", "One."), ("in", "Two."))
    assert "3 versions of what it says here" in text_of(page(sign_in(ana), post))


def test_a_version_nobody_is_named_for_is_socialdesks():
    delivery = DeliveryFactory()
    (version,) = versions_of([delivery])[delivery.pk]
    assert (version.who, version.text) == ("Socialdesk", delivery.post.text)
    assert versions_of([]) == {}


def test_an_auditor_sees_it_too(sign_in, auditor, fire, ana):
    post = post_create(actor=person(ana), text="x", accounts=[fire])
    assert page(sign_in(auditor), post).status_code == 200

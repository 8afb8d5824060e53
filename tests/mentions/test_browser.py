"""The inbox in a real browser: by keyboard, with news that disturb nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect

from accounts.levels import Level
from mentions.models import Conversation, Note, Status
from tests.factories import CredentialFactory, MentionFactory, UserFactory, give
from tests.live import held_back, live_chromium, page_of, settled
from tests.mentions.test_moderation import run as moderated
from tests.mentions.test_pages import talk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with live_chromium() as opened:
        yield opened


@pytest.fixture
def account(transactional_db):
    return CredentialFactory().account


@pytest.fixture
def page(browser, live_server, account, sign_in) -> Iterator[Page]:
    user = UserFactory(full_name="Priya Nair")
    give(user, Level.PUBLISHER, account)
    with page_of(sign_in(user), browser, live_server) as opened:
        yield opened


def test_the_whole_of_a_conversation_by_keyboard(page, account):
    talk(account, "older words", last_at=timezone.now() - timedelta(hours=1))
    newest = talk(account, "newest words")
    page.goto("/inbox/")
    page.keyboard.press("j")
    page.keyboard.press("o")
    title = page.locator("[data-conversation-title]")
    expect(title).to_be_focused()
    expect(page.locator(".thread")).to_contain_text("newest words")
    expect(page.locator(f"#conversation-{newest.pk}.is-unread")).to_have_count(0)
    settled(page)
    page.keyboard.press("m")
    expect(page.locator(".assigned")).to_contain_text("Priya Nair")
    settled(page)
    page.keyboard.press("n")
    page.keyboard.type("Ask the crew.")
    page.get_by_role("button", name="Add note").press("Enter")
    expect(page.locator(".thread")).to_contain_text("Ask the crew.")
    settled(page)
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator(f"#conversation-{newest.pk}")).to_have_count(0)
    newest.refresh_from_db()
    assert (newest.status, str(newest.assignee)) == (Status.DONE, "Priya Nair")
    done = page.locator("[data-toast]").filter(has_text="Marked done.")
    done.get_by_role("button", name="Undo").press("Enter")
    expect(page.locator(f"#conversation-{newest.pk}")).to_be_visible()
    settled(page)
    assert Conversation.objects.get(pk=newest.pk).status == Status.OPEN
    page.keyboard.press("/")
    page.keyboard.type("older")
    page.keyboard.press("Enter")
    expect(page.locator(".inbox-row")).to_have_count(1)
    settled(page)
    page.keyboard.press("?")
    keys = page.locator("#shortcuts")
    for words in ("Search the inbox", "Next conversation"):
        expect(keys).to_contain_text(words)


def test_news_come_by_themselves_and_leave_focus_and_words_alone(page, account):
    opened = talk(account, "first words")
    page.goto(f"/inbox/{opened.pk}/")
    page.keyboard.press("r")
    page.keyboard.type("We are look")
    came = talk(account, "just came in")
    MentionFactory(conversation=opened, text="one more thing")
    Conversation.objects.filter(pk=opened.pk).update(version=9)
    expect(page.locator(f"#conversation-{came.pk}")).to_be_visible(timeout=15_000)
    expect(page.locator("#inbox-said")).to_contain_text("1 new conversation")
    expect(page.locator(".thread")).to_contain_text("one more thing")
    page.keyboard.type("ing into it")
    expect(page.locator("#reply-text")).to_have_value("We are looking into it")
    expect(page.locator("#reply-text")).to_be_focused()
    expect(page.locator("#reply-count")).to_contain_text("478 left")


def test_walking_the_list_goes_on_when_it_is_drawn_anew(page, account):
    first = talk(account, "first words", status=Status.OPEN)
    page.goto("/inbox/")
    page.keyboard.press("j")
    row = page.locator(f"#conversation-{first.pk}")
    expect(row).to_be_focused()
    talk(account, "just came in")
    expect(page.locator(".inbox-row")).to_have_count(2, timeout=15_000)
    expect(row).to_be_focused()


def test_somebody_is_assigned_by_a_part_of_their_name(page, account):
    conversation = talk(account, "one", status=Status.OPEN)
    give(UserFactory(full_name="Sam Adeyemi"), Level.VIEWER, account)
    page.goto(f"/inbox/{conversation.pk}/")
    late: list[Route] = []  # the whole list, which a slow network brings after what was searched
    page.route("**/assignees/", lambda route: late.append(route))
    page.keyboard.press("a")
    page.keyboard.type("same")  # at once: none of these letters is taken for a shortcut
    expect(page.locator("#assignee-name")).to_have_value("same")
    expect(page.locator("#assignees-found")).to_contain_text("Nobody of that name")
    assert late[0].request.failure  # the page no longer waits for it
    page.keyboard.press("Backspace")
    page.get_by_role("button", name="Sam Adeyemi").click()
    expect(page.locator(".assigned")).to_contain_text("Sam Adeyemi")
    conversation.refresh_from_db()
    assert (str(conversation.assignee), conversation.status) == ("Sam Adeyemi", Status.OPEN)


def test_words_wait_while_another_conversation_is_looked_at(page, account):
    one, two = talk(account, "one"), talk(account, "two")
    page.goto(f"/inbox/{one.pk}/")
    page.fill("#reply-text", "half a thought")
    page.click(f"#conversation-{two.pk}")
    expect(page.locator(".thread")).to_contain_text("two")
    expect(page.locator("#reply-text")).to_have_value("")
    page.click(f"#conversation-{one.pk}")
    expect(page.locator("#reply-text")).to_have_value("half a thought")


def test_late_news_of_one_conversation_do_not_land_in_another(page, account):
    one, two = talk(account, "one"), talk(account, "two")
    late: list[Route] = []
    page.route("**/inbox/live/**", lambda route: late.append(route))
    with page.expect_request("**/inbox/live/**"):
        page.goto(f"/inbox/{one.pk}/")
    MentionFactory(conversation=one, text="words of the first")
    Conversation.objects.filter(pk=one.pk).update(version=9)
    page.click(f"#conversation-{two.pk}")
    expect(page.locator(".thread")).to_contain_text("two")
    with page.expect_response("**/inbox/live/**") as answer:
        late[0].continue_()
    assert "words of the first" in answer.value.text()
    page.evaluate("() => new Promise((done) => setTimeout(done, 200))")  # swapped, and settled
    expect(page.locator(".thread")).to_have_count(1)
    expect(page.locator(".thread")).to_contain_text("two")
    expect(page.locator(".thread")).not_to_contain_text("words of the first")
    page.unroute_all(behavior="ignoreErrors")


def test_what_was_opened_last_is_shown_whichever_answer_comes_last(page, account):
    one, two = talk(account, "one"), talk(account, "two")
    page.goto("/inbox/")
    opening = held_back(page, rf"/inbox/{one.pk}/(\?|$)")
    page.click(f"#conversation-{one.pk}")
    page.click(f"#conversation-{two.pk}")
    expect(page.locator(".thread")).to_contain_text("two")
    doing = held_back(page, rf"/inbox/{two.pk}/status/done/")
    opening()
    expect(page.locator(".thread")).to_contain_text("two")
    expect(page).to_have_url(re.compile(rf"/inbox/{two.pk}/"))
    page.keyboard.press("e")
    page.click(f"#conversation-{one.pk}")
    expect(page.locator(".thread")).to_contain_text("one")
    doing()
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    expect(page.locator(".thread")).to_contain_text("one")


def test_nothing_public_goes_out_without_a_question(page, account):
    conversation = talk(account, "one")
    page.goto(f"/inbox/{conversation.pk}/")
    page.fill("#reply-text", "We are on our way.")
    page.get_by_role("button", name="Send reply", exact=True).click()
    asked = page.locator("#confirm")
    expect(asked).to_contain_text("Send this reply?")
    assert not conversation.replies.exists()
    asked.get_by_role("button", name="Send reply").click()
    expect(page.locator(".message-ours")).to_contain_text("Scheduled")
    expect(page.locator("#reply-text")).to_have_value("")
    assert conversation.replies.count() == 1


def test_on_a_phone_the_panes_are_steps_with_a_way_back(page, account):
    conversation = talk(account, "one")
    Note.objects.create(conversation=conversation, author=UserFactory(), text="x")
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/inbox/")
    expect(page.locator("#conversation")).to_be_hidden()
    page.click(f"#conversation-{conversation.pk}")
    expect(page.locator(".thread")).to_be_visible()
    expect(page.locator(".pane-list")).to_be_hidden()
    page.get_by_role("link", name="Conversations").click()
    expect(page.locator(f"#conversation-{conversation.pk}")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 390


def test_hiding_by_keyboard_and_seeing_when_it_is_done(page, account, network):
    rude = talk(account, "rude words", kind="reply", status=Status.OPEN)
    page.goto(f"/inbox/{rude.pk}/")
    menu = page.locator(".thread summary").filter(has_text="Moderate")
    menu.press("Enter")
    menu.press("ArrowDown")
    page.keyboard.press("Enter")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("folded away under your post")
    expect(dialog.get_by_label("Why?")).to_be_focused()
    dialog.get_by_label("Why?").select_option("abuse")
    dialog.get_by_label("Note").fill("Second time.")
    dialog.get_by_role("button", name="Hide it").press("Enter")
    lines = page.locator(".moderation-lines")
    expect(lines).to_contain_text("Asked Sandbox to hide it")
    expect(dialog).to_have_count(0)
    expect(page.locator("[data-conversation-title]")).to_be_focused()
    assert moderated() == ["done"]
    expect(lines).to_contain_text("Hidden by Priya Nair", timeout=30_000)  # by the page's own look
    expect(lines).to_contain_text("Second time.")

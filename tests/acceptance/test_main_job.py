"""The main job on the Sandbox: by hand, and once more by keyboard alone."""

from __future__ import annotations

import pytest
import requests
from playwright.sync_api import Browser, FilePayload, Page, expect

from tests.scheduling.files import picture

from .keyboard import Keyboard
from .people import Cast, Window, cast
from .stage import DEMO_PASSWORD, Stage
from .story import ANSWER, QUESTION, eventually, tell
from .worlds import SandboxWorld

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
WORDS = "Bike marking on Market Square from ten to four. No appointment, and it is free."
ACCOUNT = "Northmoor Police"


def test_from_connecting_an_account_to_the_auditors_question(
    browser: Browser, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with cast(browser, stage, "story-sandbox") as people:
        measured = tell(people, SandboxWorld(people, "northmoor_parks"))
    with capsys.disabled():
        print(f"\nOn the Sandbox: {measured}")


def test_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    """Compose, send for approval, approve, answer, approve: no pointer is ever moved."""
    asked = stage.sandbox.say("kay_bell", f"@northmoor_police {QUESTION}")
    thread = f"{stage.sandbox.url}/@kay_bell/{asked['id']}"
    with cast(browser, stage, "story-keyboard") as people:
        chloe, david = people.window("contributor"), people.window("supervisor")
        for window in (chloe, david):
            sign_in(window)
        write(people, chloe)
        approve(people, david, WORDS)
        answer(people, chloe)
        approve(people, david, ANSWER)
        eventually(
            lambda: ANSWER in requests.get(thread, timeout=30).text,
            "the answer under the question on the Sandbox",
        )
        said = people.complaints()
        assert said == {}, said


def sign_in(window: Window) -> None:
    page, keys = window.page, Keyboard(window.page)
    page.goto("/auth/sign-in/")
    keys.tab_to(page.locator("[name=login]"))
    keys.write(f"{window.who}@northmoor.example")
    keys.tab_to(page.locator("[name=password]"))
    keys.write(DEMO_PASSWORD)
    keys.press("Enter")
    window.arrive("My day")


def write(people: Cast, chloe: Window) -> None:
    page, keys = chloe.page, Keyboard(chloe.page)
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    keys.see_focus()
    keys.press("n")
    chloe.arrive("New post")
    keys.tab_to(page.get_by_role("checkbox", name=ACCOUNT))
    people.picture(chloe, "comes to the account")
    keys.press("Space")
    expect(page.locator("#compose-counters [data-count]")).to_be_visible()
    keys.tab_to(page.get_by_label("Text", exact=True))
    keys.write(WORDS)
    keys.tab_to(page.locator("input[type=file]"))
    people.picture(chloe, "comes to the pictures")
    keys.tab_to(page.get_by_role("button", name="Send for approval"))
    people.picture(chloe, "comes to the button")
    keys.press("Enter")
    expect(page.locator("#deliveries .state")).to_have_text("In review")


def approve(people: Cast, david: Window, text: str) -> None:
    page, keys = david.page, Keyboard(david.page)
    keys.press("g")
    keys.press("a")
    david.arrive("Approvals")
    walk_to(keys, page, "[data-queue] .row-link", text)
    people.picture(david, "comes to what waits")
    keys.press("Enter")
    expect(page.locator("#approval")).to_contain_text(text[:40])
    expect(page.locator("#approval [data-item-title]")).to_be_focused()
    keys.press("a")
    expect(page.get_by_role("status").first).to_contain_text("Approved")
    people.picture(david, "has approved")


def answer(people: Cast, chloe: Window) -> None:
    page, keys = chloe.page, Keyboard(chloe.page)
    keys.press("g")
    keys.press("i")
    chloe.arrive("Inbox")
    expect(page.locator(".inbox-row").filter(has_text=QUESTION).first).to_be_visible()
    walk_to(keys, page, ".inbox-row", "kay_bell")
    people.picture(chloe, "comes to the question")
    keys.press("Enter")
    expect(page.locator("#conversation")).to_contain_text(QUESTION)
    expect(page.locator("[data-conversation-title]")).to_be_focused()
    keys.press("r")
    expect(page.get_by_label("Reply to")).to_be_focused()
    keys.see_focus()
    keys.write(ANSWER)
    keys.tab_to(page.get_by_role("button", name="Send for approval", exact=True))
    people.picture(chloe, "has answered")
    keys.press("Enter")
    expect(page.locator(".thread .state").last).to_contain_text("In review")


def walk_to(keys: Keyboard, page: Page, rows: str, text: str) -> None:
    """Up with k, then down with j, until the row that has `text` has the focus."""
    expect(page.locator(rows).filter(has_text=text[:40]).first).to_be_visible()
    many = page.locator(rows).count()
    for key in "k" * many + "j" * many:
        keys.press(key)
        keys.see_focus()
        if text[:40] in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"neither k nor j came to {text[:40]!r}")


# --- a thread -------------------------------------------------------------------------------------

DESK, HANDLE = "Northmoor Council", "northmoor_council"


def test_a_thread_by_keyboard_alone(browser: Browser, stage: Stage) -> None:
    """Written with pictures, put in order and approved; and with a poll, and published."""
    with cast(browser, stage, "story-thread") as people:
        chloe, david, ben = [people.window(w) for w in ("contributor", "supervisor", "officer")]
        for window in (chloe, david, ben):
            sign_in(window)
            # From the start: a listener that comes with the key press may come too late.
            window.page.on("filechooser", lambda chooser: chooser.set_files(PICTURE))
        texts = texts_of("with pictures")
        write_thread(people, chloe, ACCOUNT, texts, (1, 2, 3))
        send_thread(chloe, "Send for approval")
        expect(chloe.page.locator("#deliveries .state")).to_have_text("In review")
        approve(people, david, texts[0])
        see_pictures(stage, texts, ["Alt 1", "Alt 3", "Alt 2"])

        texts, poll = texts_of("with a poll"), ("At ten", "At four")
        write_thread(people, ben, DESK, texts, (3,), poll)
        send_thread(ben, "Publish to 1 account now", "Publish now")
        expect(ben.page.locator("#deliveries .state")).to_have_text("Published")
        see_thread(stage, texts, poll)
        see_pictures(stage, texts, ["Alt 3"])
        said = people.complaints()
        assert said == {}, said


PICTURE: FilePayload = {
    "name": "square.png",
    "mimeType": "image/png",
    "buffer": picture("PNG"),
}


def texts_of(told: str) -> list[str]:
    return [f"{words} {told}." for words in ("Market day", "First the car park", "Then the square")]


def write_thread(
    people: Cast,
    window: Window,
    account: str,
    texts: list[str],
    pictures: tuple[int, ...],
    poll: tuple[str, ...] = (),
) -> None:
    """The second and third post are written the wrong way round, with their pictures, and moved."""
    page, keys = window.page, Keyboard(window.page)
    add = page.get_by_role("button", name="Add a further post")
    keys.press("n")
    window.arrive("New post")
    keys.tab_to(page.get_by_role("checkbox", name=account))
    keys.press("Space")
    expect(add).to_be_visible()
    keys.tab_to(page.get_by_label("Text", exact=True))
    keys.write(texts[0])
    add_picture(window, keys, 1, pictures)
    for place, text in ((2, texts[2]), (3, texts[1])):
        keys.tab_to(add)
        keys.press("Enter")
        expect(page.locator(f"#part-{place}")).to_be_focused()
        keys.write(text)
        add_picture(window, keys, place, pictures)
    keys.tab_to(page.get_by_role("button", name="Move up: post 3"), back=True)
    keys.press("Enter")
    expect(page.locator("#part-2")).to_be_focused()
    expect(page.locator("#part-2")).to_have_value(texts[1])
    for place, option in enumerate(poll, 1):
        if place == 1:
            keys.tab_to(page.locator("summary").filter(has_text="Poll"))
            keys.press("Enter")
        keys.tab_to(page.locator(f"#poll-option-{place}"))
        keys.write(option)
    expect(page.locator("#compose-previews")).to_contain_text(texts[1])
    people.picture(window, "has written a thread", full=True)


def add_picture(window: Window, keys: Keyboard, place: int, pictures: tuple[int, ...]) -> None:
    """Choose a picture for the post in which one writes, and say what it shows."""
    if place not in pictures:
        return
    post = window.page.locator(f"[data-pictures='{place}']")
    keys.tab_to(post.locator("input[type=file]"))
    keys.press("Enter")
    expect(post.get_by_label("What does the picture show?")).to_be_focused()
    keys.see_focus()
    keys.write(f"Alt {place}")


def send_thread(window: Window, *buttons: str) -> None:
    keys = Keyboard(window.page)
    for button in buttons:
        keys.tab_to(window.page.get_by_role("button", name=button, exact=True))
        keys.press("Enter")


def see_pictures(stage: Stage, texts: list[str], alts: list[str]) -> None:
    """Each picture is kept with the post that it was added to, wherever that was moved."""
    row = stage.row(
        "SELECT array_agg(m.alt_text ORDER BY m.part) AS alts FROM scheduling_media m"
        " JOIN scheduling_post p ON p.id = m.post_id WHERE p.text = %s",
        texts[0],
    )
    assert row["alts"] == alts


def see_thread(stage: Stage, texts: list[str], poll: tuple[str, ...]) -> None:
    """The network has each post once, one under the other."""
    row = stage.row(
        "SELECT remote_id, remote_parts FROM scheduling_delivery d JOIN scheduling_post p"
        " ON p.id = d.post_id WHERE p.text = %s",
        texts[0],
    )
    ids = [row["remote_id"], *row["remote_parts"]]
    assert len(ids) == len(texts)
    last = requests.get(f"{stage.sandbox.url}/@{HANDLE}/{ids[-1]}", timeout=30).text
    places = [last.find(words) for words in [*poll, *texts[1:]]]
    assert -1 not in places
    assert places == sorted(places)
    arrived = [
        one
        for one in stage.sandbox.arrivals(path="/api/posts")
        if one["outcome"] in {f"published {id_}" for id_ in ids}
    ]
    assert len(arrived) == len(texts)

"""Adding a video in the composer: how far it is, cancelling it, and nothing goes without it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.scheduling.files import video

from .people import cast
from .stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.mark.ffmpeg
def test_a_video_is_cancelled_then_added_and_described(browser: Browser, stage: Stage) -> None:
    file = {"name": "river.mp4", "mimeType": "video/mp4", "buffer": video(3.0, "320x240")}
    with cast(browser, stage, "video upload") as people:
        writer = people.desk("contributor")
        page = writer.page
        page.goto("/posts/new/")
        page.get_by_role("checkbox", name="Northmoor Police").first.check()
        page.get_by_label("Text", exact=True).fill("The river is high at the bridge.")
        page.route("**/media/upload/", lambda _: None)  # it never arrives
        page.locator("input[type=file]").set_input_files(file)
        expect(page.get_by_role("progressbar", name="Upload of “river.mp4”")).to_be_visible()
        people.picture(writer, "uploads", full=True)

        page.locator("#compose-button").click()
        notice = page.get_by_text("A file is still being uploaded.")
        expect(notice).to_be_visible()
        expect(page.get_by_label("If cut, keep")).to_have_count(0)
        cancel = page.get_by_role("button", name="Cancel the upload of “river.mp4”")
        expect(cancel).to_be_focused()
        cancel.press("Enter")
        expect(page.locator(".media-item")).to_have_count(0)
        expect(notice).to_have_count(0)
        expect(page.locator("[data-upload-said]")).to_have_text("“river.mp4” was not added.")
        expect(page.locator("input[type=file]")).to_be_focused()

        page.unroute("**/media/upload/")
        page.locator("input[type=file]").set_input_files(file)
        words = page.get_by_label("What does the video show?")
        expect(words).to_be_focused()
        words.fill("Brown water up to the railing.")
        item = page.locator(".media-item")
        expect(item.get_by_role("progressbar")).to_have_count(0)
        expect(item.locator("video")).to_have_attribute("src", re.compile(r"^/media/[0-9a-f-]+/$"))
        expect(item.get_by_role("button", name="Remove video")).to_be_visible()
        expect(page.locator("[data-saved]")).to_contain_text("Saved")
        people.picture(writer, "has added it", full=True)
        assert people.complaints() == {}

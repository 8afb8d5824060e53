"""An auditor takes a proof away, and somebody who trusts nobody checks it with one file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
import time
import venv
from pathlib import Path

import psycopg
import pytest
from django.template.loader import render_to_string
from playwright.sync_api import Browser, expect

from audit.selectors.activity import Unit
from audit.views.activity import Drawn
from socialdesk.launcher.layout import PROJECT

from .people import cast
from .stage import Stage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PUBLISHED = """SELECT e.id, e.post_id FROM audit_event e JOIN audit_leaf l ON l.event_id = e.id
               WHERE e.name = 'delivery.published' ORDER BY e.id LIMIT 1"""
EXPORT = "from django.core.management import call_command as c; c('audit_evidence', 'record'{})"


class Elsewhere:
    """Another machine: an empty virtual environment with `cryptography`, and the one file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "venv", with_pip=False)
        (packages,) = (folder / "venv" / "lib").glob("python*/site-packages")
        here = Path(sysconfig.get_paths()["platlib"])
        for name in ("cryptography", "cffi", "pycparser"):
            if (here / name).exists():
                shutil.copytree(here / name, packages / name)
        for library in here.glob("_cffi_backend*"):
            shutil.copy(library, packages)
        shutil.copy(PROJECT / "tools" / "verify_socialdesk.py", folder)

    def verify(self, *words: str | Path) -> tuple[int, str]:
        done = subprocess.run(
            [self.folder / "venv" / "bin" / "python", "verify_socialdesk.py", *words],
            cwd=self.folder,
            env={"PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def test_an_auditor_proves_who_posted_and_a_change_of_the_database_is_found(
    browser: Browser, stage: Stage, tmp_path: Path
) -> None:
    elsewhere = Elsewhere(tmp_path)
    key = stage.run("from django.core.management import call_command as c; c('audit_keys')").strip()
    event = _when_sealed(stage)
    with cast(browser, stage, "record") as people:
        page = people.desk("auditor").page
        page.goto(f"/posts/{event['post_id']}/story/")
        with page.expect_download() as of_post:
            page.get_by_role("link", name="Download proof").click()
        page.goto(f"/record/{event['id']}/")
        expect(page.get_by_text("Seal", exact=True)).to_be_visible()
        with page.expect_download() as of_event:
            page.get_by_role("link", name="Download proof").click()
        page.goto("/record/")
        expect(page.get_by_text("Not protected")).to_be_visible()
        for download in (of_post, of_event):
            code, said = elsewhere.verify("proof", download.value.path(), "--key", key)
            assert code == 0, said
            assert "delivery.published" in said
    seen = tmp_path / "seen.txt"
    seen.write_text(
        "\n".join(row["note"] for row in stage.rows("SELECT note FROM audit_checkpoint"))
    )
    words = ("--key", key, "--witnessed", seen)
    code, said = elsewhere.verify("record", _export(stage, tmp_path), *words)
    assert code == 0, said
    label = "actor_label = 'Somebody Else'", "actor_label = 'publisher'"
    try:
        _change(stage, event["id"], label[0])
        code, said = elsewhere.verify("record", _export(stage, tmp_path), *words)
    finally:
        _change(stage, event["id"], label[1])
    assert code == 1
    assert f"edited: Event {event['id']} was edited: who" in said


def _when_sealed(stage: Stage) -> dict[str, int]:
    until = time.monotonic() + 60
    while not (found := stage.rows(PUBLISHED)) and time.monotonic() < until:
        time.sleep(0.2)
    return found[0]


def _export(stage: Stage, folder: Path) -> Path:
    path = folder / "record.txt"
    stage.run(EXPORT.format(f", output={str(path)!r}, force=True"))
    return path


def _change(stage: Stage, number: int, what: str) -> None:
    """As the tables' owner, with the triggers off."""
    off, on = (f"ALTER TABLE audit_event {how} TRIGGER USER" for how in ("DISABLE", "ENABLE"))
    update = f"UPDATE audit_event SET {what} WHERE id = {number}"
    always = (
        f"ALTER TABLE audit_event ENABLE ALWAYS TRIGGER audit_event_{name}"
        for name in ("append_only", "no_truncate", "queue")
    )
    with psycopg.connect(stage.database) as connection:
        for statement in (off, update, on, *always):
            connection.execute(statement)


def test_bars_are_chosen_by_keyboard_and_by_mouse(browser: Browser, stage: Stage) -> None:
    """The picture is the template's own, with three days in it: the site's record is of one."""
    days = [f"2026-11-0{day}" for day in (1, 2, 3)]
    bars = [
        Drawn(f"/record/?since={day}&until={day}", f"{day}: 5 events", "", 50, 50, True, day, day)
        for day in days
    ]
    found = {"unit": Unit.DAY, "most": 5, "cut": 0}
    shown = {"bars": bars, "activity": found, "base": "/record/?text=fire"}
    picture = render_to_string("audit/_activity.html", shown)
    with cast(browser, stage, "bars") as people:
        page = people.desk("auditor").page
        page.route(
            "**/record/activity/**", lambda r: r.fulfill(body=picture, content_type="text/html")
        )
        bar = page.locator(".activity-bar")
        two = re.compile(rf"text=fire&since={days[1]}&until={days[2]}$")
        page.goto("/record/")
        expect(bar.nth(2)).to_have_attribute("tabindex", "0")
        expect(bar.nth(0)).to_have_attribute("tabindex", "-1")
        bar.nth(2).focus()
        page.keyboard.press("Shift+ArrowLeft")
        expect(bar.nth(1)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(two)
        page.goto("/record/")
        expect(bar).to_have_count(3)
        bar.nth(1).hover()
        page.mouse.down()
        bar.nth(2).hover()
        page.mouse.up()
        expect(page).to_have_url(two)
        page.goto("/record/")
        bar.nth(0).click()
        expect(page).to_have_url(re.compile(rf"since={days[0]}&until={days[0]}$"))

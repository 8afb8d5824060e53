"""The main job on the real Bluesky network, through Socialdesk's own pages in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from atproto import models
from playwright.sync_api import Browser

from tests.acceptance.people import Cast, cast, running_chromium
from tests.acceptance.stage import Stage, running_stage
from tests.acceptance.story import tell
from tests.acceptance.worlds import Mentioned, Seen

from .people import Bluesky, Person

pytestmark = pytest.mark.browser


class BlueskyWorld:
    """An official account, reached by an app password, and a resident who mentions it."""

    key = "bluesky"
    label = "Bluesky"
    account = "Northmoor Parks"

    def __init__(self, network: Bluesky) -> None:
        self._network = network
        self._owner: Person = network.account("northmoor-parks", display_name=self.account)
        self._resident: Person = network.account("ines-kettle", display_name="Ines Kettle")
        self._secret = network.app_password(self._owner)

    def credentials(self) -> dict[str, str]:
        return {
            "base_url": self._network.pds_url,
            "handle": self._owner.handle,
            "secret": self._secret,
        }

    def posts(self) -> list[Seen]:
        """Straight from the account's repository; the time is when the network first had it."""
        records = self._network.records(self._owner)
        return [self._seen(uri, record) for uri, record in reversed(records.items())]

    def _seen(self, uri: str, record: models.AppBskyFeedPost.Record) -> Seen:
        pictures = record.embed.images if record.embed else []
        view = self._network.await_post(uri)
        return Seen(
            uri,
            record.text,
            tuple(image.alt for image in pictures),
            datetime.fromisoformat(view.indexed_at).astimezone(UTC),
            record.reply.parent.uri if record.reply else "",
        )

    def mention(self, cast: Cast, words: str) -> Mentioned:
        began = time.time()
        made = self._network.mention(self._resident, self._owner, words)
        return Mentioned(made.uri, "Ines Kettle", began)

    def prove_once(self, post: Seen) -> None:
        """The repository holds it once, and so does what everybody sees."""
        texts = [record.text for record in self._network.records(self._owner).values()]
        assert texts.count(post.text) == 1, texts
        assert self._network.seen(post.remote_id) is not None


@pytest.fixture(scope="module")
def stage(bluesky_network: Bluesky, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Socialdesk as `make run` starts it, allowed to reach the network on this machine."""
    allowed = {"SOCIALDESK_ALLOW_PRIVATE_HOSTS": bluesky_network.private_host}
    with running_stage(tmp_path_factory.mktemp("stage"), allowed) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with running_chromium() as opened:
        yield opened


def test_from_connecting_an_account_to_the_auditors_question(
    browser: Browser,
    stage: Stage,
    bluesky_network: Bluesky,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with cast(browser, stage, "story-bluesky") as people:
        measured = tell(people, BlueskyWorld(bluesky_network))
    with capsys.disabled():
        print(f"\nOn Bluesky: {measured}")

"""A token that ends just before a post: it is renewed and the post goes out once, or the account's
posts are held. None ever goes out twice."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from accounts import turns
from accounts.connections import open_account
from accounts.models import Credential, PlatformApp, SocialAccount
from accounts.models.social import Health
from platforms.hosts import API_HOSTS, own_host
from platforms.keeping import kept
from scheduling.models import Attempt, Delivery
from scheduling.models.delivery import HoldKind
from scheduling.states import State
from tests.accounts.flow import network
from tests.factories import CredentialFactory, SocialAccountFactory, add_media, person
from tests.platforms.server import Fault, Reply
from tests.platforms.world import World
from tests.platforms.worlds import WORLDS
from tests.scheduling import files
from tests.scheduling.conftest import Desk, desk_of, fall_due, run_due

pytestmark = pytest.mark.django_db
RENEWED = {"bluesky", "linkedin", "threads", "x"}  # the others' tokens are not, and have no end
TEXTS = ["The bridge is closed.", "The bridge is open again."]


@pytest.fixture(params=list(WORLDS))
def world(request, settings, monkeypatch) -> Iterator[World]:
    settings.BASE_URL = "https://desk.example.org"
    monkeypatch.setattr(turns, "LOOK_AGAIN_S", 0.01)
    asks_for_app = request.param == "linkedin"  # to renew
    with network(request.param, settings, monkeypatch, app=asks_for_app) as made:
        yield made


def connected(world: World) -> Desk:
    account = SocialAccountFactory(
        platform=world.key,
        base_url=own_host(world.key) if world.key in API_HOSTS else world.server.url,
        remote_id=world.remote_id,
        handle=world.handle,
    )
    app = PlatformApp.objects.filter(platform=world.key).first()
    CredentialFactory(account=account, secret=world.lasting_secret, app=app)
    open_account(SocialAccount.objects.get()).verify()  # it has been spoken to before
    return desk_of(account)


def due(world: World, desk: Desk, text: str) -> Delivery:
    fields = {"text": text}
    if world.info.limits.media_required:
        world.fake.fetch = lambda url: world.fake.public.setdefault(url, b"fetched")
        media = add_media(person(desk.publisher), files.upload(files.picture("JPEG")))
        fields["pictures"] = [(media.pk, "The bridge")]
    return fall_due(desk.scheduled(**fields))


def test_a_post_that_meets_an_ended_token_goes_out_once_or_is_held(world):
    desk = connected(world)
    delivery = due(world, desk, TEXTS[0])
    with world.server.going_wrong(Fault(Reply(401, {}), match=world.writes, times=1)):
        (outcome,) = run_due()
    delivery.refresh_from_db()
    assert Attempt.objects.count() == 1
    if world.key in RENEWED:
        assert (outcome, delivery.state) == ("published", State.PUBLISHED)
        assert [seen.text for seen in world.posts()] == [TEXTS[0]]
        assert SocialAccount.objects.get().health == Health.HEALTHY
    else:
        assert (outcome, delivery.state) == ("authorisation", State.HELD)
        assert world.posts() == []
    assert run_due() == []
    assert len(world.posts()) == (world.key in RENEWED)


def test_renewed_tokens_are_kept_for_the_next_post(world):
    if world.key not in RENEWED - {"bluesky"}:  # where a session is kept, by another way
        return
    desk = connected(world)
    due(world, desk, TEXTS[0])
    with world.server.going_wrong(Fault(Reply(401, {}), match=world.writes, times=1)):
        assert run_due() == ["published"]
    row = Credential.objects.get()
    assert kept(row.secret, row.session).tokens != kept(row.secret, "").tokens
    world.server.ledger.clear()
    due(world, desk, TEXTS[1])
    assert run_due() == ["published"]
    assert [seen.text for seen in world.posts()] == TEXTS
    assert not [asked for asked in world.server.ledger if "token" in asked.path]


def test_credentials_that_nothing_renews_hold_every_post_of_the_account(world):
    desk = connected(world)
    deliveries = [due(world, desk, text) for text in TEXTS]
    world.revoke()
    assert run_due() + run_due() == ["authorisation"] * 2
    for delivery in deliveries:
        delivery.refresh_from_db()
        assert (delivery.state, delivery.hold_kind) == (State.HELD, HoldKind.AUTHORISATION)
    assert SocialAccount.objects.get().health == Health.LOST
    assert run_due() == []
    assert world.posts() == []

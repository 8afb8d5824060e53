"""Searches that are kept."""

from __future__ import annotations

import pytest

from audit.models import Event, SavedQuery
from tests.factories import SocialAccountFactory, UserFactory, give

pytestmark = pytest.mark.django_db
NEW = "/record/searches/new/"


def keep(client, name="Fires", query="text=fire", **more):
    return client.post(NEW, {"name": name, "query": query, **more})


def test_a_search_is_kept_by_name_and_opened_as_any(sign_in, auditor):
    client = sign_in(auditor)
    assert keep(client)["Location"] == "/record/?text=fire"
    saved = SavedQuery.objects.get()
    event = Event.objects.get(name="record.query_saved")
    assert event.data == {"name": "Fires", "query": "text=fire", "shared": False}
    page = client.get("/record/searches/").content.decode()
    assert "/record/?text=fire" in page
    client.get("/record/", {"text": "fire"})
    assert Event.objects.filter(name="record.read").count() == 1
    client.post(f"/record/searches/{saved.pk}/remove/")
    assert not SavedQuery.objects.exists()
    assert Event.objects.get(name="record.query_removed").data == {"name": "Fires"}


def test_the_same_name_replaces_what_was_kept(sign_in, auditor):
    client = sign_in(auditor)
    keep(client)
    keep(client, query="text=flood")
    assert SavedQuery.objects.get().query == "text=flood"


def test_only_what_can_be_searched_is_kept(sign_in, auditor):
    client = sign_in(auditor)
    for query in ("", "since=never", "unknown=1"):
        keep(client, query=query)
    keep(client, name="  ")
    keep(client, name="x" * 81)
    assert not SavedQuery.objects.exists()


def test_they_are_ones_own_unless_shared_with_readers_of_everything(sign_in, auditor):
    client = sign_in(auditor)
    keep(client, name="Mine alone")
    keep(client, name="For all", shared="1")
    other = sign_in(UserFactory(is_auditor=True))
    page = other.get("/record/searches/").content.decode()
    assert "For all" in page
    assert "Mine alone" not in page
    for saved in SavedQuery.objects.all():
        assert other.post(f"/record/searches/{saved.pk}/remove/").status_code == 404
    viewer = UserFactory()
    give(viewer, "viewer", SocialAccountFactory())
    theirs = sign_in(viewer)
    assert "For all" not in theirs.get("/record/searches/").content.decode()
    keep(theirs, name="Of a viewer", shared="1")
    assert not SavedQuery.objects.get(name="Of a viewer").shared


def test_not_for_those_who_read_nothing(sign_in):
    client = sign_in(UserFactory())
    assert client.get("/record/searches/").status_code == 403
    assert keep(client).status_code == 403

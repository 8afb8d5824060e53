"""The commands of this room, as a script would use them; and Celery's way in."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import Event
from platforms.contract import Lookup, OutcomeUnknown, Presence, Published, Refused
from scheduling import tasks
from scheduling.models import Delivery, Post
from scheduling.states import State
from tests.scheduling.conftest import fall_due

pytestmark = pytest.mark.django_db


def run(capsys, *words, **options):
    call_command(*words, json=True, **options)
    return json.loads(capsys.readouterr().out)


class TestPostCreate:
    def call(self, capsys, desk, *more, who=None):
        who = (who or desk.publisher).email
        account = f"--account={desk.account.handle}"
        return run(capsys, "post_create", "Bridge open again", account, f"--as={who}", *more)

    def test_it_writes_a_draft_as_the_person_and_says_through_what(self, capsys, desk):
        said = self.call(capsys, desk)
        assert said["ok"] is True
        assert said["deliveries"][0]["state"] == "draft"
        event = Event.objects.get(name="post.created")
        assert (event.actor_label, event.actor_via) == (str(desk.publisher), "post_create")

    def test_sent_it_takes_the_persons_way(self, capsys, desk):
        at = f"--at={(timezone.now() + timedelta(days=2)).isoformat()}"
        assert self.call(capsys, desk, at, "--send")["deliveries"][0]["state"] == "scheduled"
        said = self.call(capsys, desk, at, "--send", who=desk.contributor)
        assert said["deliveries"][0]["state"] == "in_review"

    def test_a_naive_time_is_meant_in_the_accounts_zone(self, capsys, desk):
        self.call(capsys, desk, "--at=2031-07-01T09:00")
        assert f"{Delivery.objects.get().due_at:%H:%M}" == "08:00"

    @pytest.mark.parametrize("at", ["soon", "2031-03-30T01:30"])
    def test_a_time_that_is_none_is_refused(self, capsys, desk, at):
        with pytest.raises(CommandError) as refused:
            self.call(capsys, desk, f"--at={at}")
        assert refused.value.returncode == 1
        assert not Post.objects.exists()

    def test_whom_the_level_does_not_allow_the_command_does_not_either(self, capsys, desk):
        with pytest.raises(CommandError, match="contributor") as refused:
            self.call(capsys, desk, who=desk.viewer)
        assert refused.value.returncode == 1


class TestPublishDue:
    def test_a_dry_run_says_what_would_happen_and_does_nothing(self, capsys, desk, network):
        fall_due(desk.scheduled())
        frozen = fall_due(desk.approved())
        frozen.approvals.all().delete()
        said = run(capsys, "publish_due", "--dry-run")
        assert sorted(row["would"] for row in said["deliveries"]) == ["hold", "publish"]
        assert not network.arrived
        assert Delivery.objects.filter(state=State.SCHEDULED).count() == 2

    def test_it_publishes_without_workers(self, capsys, desk, network):
        fall_due(desk.scheduled())
        said = run(capsys, "publish_due")
        assert [row["outcome"] for row in said["deliveries"]] == ["published"]
        assert run(capsys, "publish_due")["deliveries"] == []

    def test_what_did_not_go_out_is_an_exit_code(self, capsys, desk, network):
        network.answers = [Refused("No")]
        fall_due(desk.scheduled())
        with pytest.raises(CommandError) as failed:
            run(capsys, "publish_due")
        assert failed.value.returncode == 1

    def test_in_words(self, capsys, desk, network):
        call_command("publish_due")
        assert "Nothing is due." in capsys.readouterr().out


class TestTasks:
    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch):
        """Messages are carried out where they are sent; the broker has tests of its own."""
        monkeypatch.setattr(tasks.reconcile_delivery, "delay", tasks.reconcile_delivery)

    def test_a_tick_publishes_what_is_due(self, desk, network):
        delivery = fall_due(desk.scheduled())
        tasks.dispatch_due()
        delivery.refresh_from_db()
        assert delivery.state == State.PUBLISHED

    def test_doubt_is_looked_into(self, desk, network):
        network.answers = [OutcomeUnknown("Reset")]
        network.lookups = [
            Lookup(Presence.FOUND, Published("id-9", "https://there/9", timezone.now()))
        ]
        delivery = fall_due(desk.scheduled())
        tasks.dispatch_due()
        Delivery.objects.update(next_try_at=timezone.now())
        tasks.reconcile_unknown()
        delivery.refresh_from_db()
        assert delivery.state == State.PUBLISHED

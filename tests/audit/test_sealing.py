"""The sealer: order, checkpoints, one at a time, and what the database refuses."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.utils import timezone

from audit import sealer, sealing
from audit.leaves import COLUMNS, Salts, leaf_of, rows_of, texts_of
from audit.merkle import consistency_holds, inclusion_holds, leaf_hash, root_of
from audit.models import Checkpoint, Event, Leaf, Node, Salt, Unsealed
from audit.notes import opened
from audit.sealing import seal, signing_keys
from audit.tree import Tree, TreeBroken

VALUES = {"name": "delivery.published", "actor_kind": "worker", "actor_label": "publisher"}


def happen(count=1, **fields):
    made = [Event(act=uuid.uuid4(), **VALUES, **fields) for _ in range(count)]
    return Event.objects.bulk_create(made)


def seal_all():
    while (done := seal()) and done.more:
        pass


def order():
    return list(Leaf.objects.order_by("index").values_list("event_id", flat=True))


@pytest.mark.django_db
def test_every_event_gets_one_place_and_is_bound_by_its_hash():
    events = happen(3)
    done = seal()
    assert (done.count, done.size, done.more) == (3, 3, False)
    assert order() == [event.pk for event in events]
    assert not Unsealed.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {COLUMNS} FROM audit_event e ORDER BY e.id")
        rows = rows_of(cursor.fetchall())
    salts = {salt.event_id: Salts(bytes(salt.who), bytes(salt.what)) for salt in Salt.objects.all()}
    hashes = [leaf_hash(leaf_of(row, texts_of(row, salts[row.id]).commitments)) for row in rows]
    assert [bytes(leaf.hash) for leaf in Leaf.objects.order_by("index")] == hashes
    assert seal() is None


@pytest.mark.django_db
def test_a_checkpoint_states_size_and_root_and_is_signed():
    happen(2)
    seal()
    checkpoint = Checkpoint.objects.get()
    (key,) = signing_keys()
    said = opened(checkpoint.note, [key.public])
    assert (said.origin, said.size, said.root) == (key.public.name, 2, Tree.whole().root())
    assert said.at == checkpoint.at
    assert Event.objects.latest("occurred_at").occurred_at < said.at
    assert said.keys == ()


@pytest.mark.django_db
def test_two_keys_sign_and_are_named_while_one_takes_over(settings):
    (old,) = settings.RECORD_KEYS
    new = old.split(":")[0] + ":" + "QUFB" * 10 + "QUE="
    settings.RECORD_KEYS = [new, old]
    happen()
    seal()
    note = Checkpoint.objects.get().note
    keys = [key.public for key in signing_keys()]
    assert opened(note, keys[:1]) == opened(note, keys[1:])
    assert opened(note, keys[:1]).keys == tuple(map(str, keys))


@pytest.mark.django_db(transaction=True)
def test_an_event_that_commits_late_is_sealed_late_and_not_passed_over():
    """The lower number becomes visible after higher ones have been sealed."""
    written, go_on = threading.Event(), threading.Event()
    late = []

    def slow():
        try:
            with transaction.atomic():
                late.extend(happen())
                written.set()
                assert go_on.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=slow)
    thread.start()
    assert written.wait(20)
    early = happen(2)
    seal()
    first = Checkpoint.objects.get()
    go_on.set()
    thread.join(20)
    assert late[0].pk < early[0].pk
    assert order() == [event.pk for event in early]
    seal()
    assert order() == [early[0].pk, early[1].pk, late[0].pk]
    second = Checkpoint.objects.first()
    proof = Tree(3).consistency(2)
    assert consistency_holds(2, bytes(first.root), 3, bytes(second.root), proof)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_neither_waiting_nor_sealed():
    with transaction.atomic():
        happen()
        transaction.set_rollback(True)
    assert not Unsealed.objects.exists()
    assert seal() is None


@pytest.mark.django_db(transaction=True)
def test_one_sealer_at_a_time():
    happen()
    locked, done = threading.Event(), threading.Event()

    def other():
        try:
            with transaction.atomic():
                assert sealing._alone()
                locked.set()
                assert done.wait(20)
        finally:
            connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    assert locked.wait(20)
    assert seal() is None
    assert Unsealed.objects.count() == 1
    done.set()
    thread.join(20)
    assert seal().count == 1


@pytest.mark.django_db(transaction=True)
def test_a_sealer_that_dies_leaves_nothing_half_done(monkeypatch):
    happen(300)

    def dies(*_):
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(sealing, "_sign", dies)
        with pytest.raises(ZeroDivisionError):
            seal()
    assert (Leaf.objects.count(), Node.objects.count(), Unsealed.objects.count()) == (0, 0, 300)
    assert seal().count == 300


@pytest.mark.django_db
@pytest.mark.parametrize("batches", [[1] * 5, [255, 1, 1], [256, 256], [300, 700, 24], [1030]])
def test_the_stored_tree_is_the_tree_of_its_leaves(batches):
    for count in batches:
        happen(count)
        seal()
        hashes = [bytes(leaf.hash) for leaf in Leaf.objects.order_by("index")]
        assert Tree.whole().root() == root_of(hashes) == bytes(Checkpoint.objects.first().root)
    assert Node.objects.count() == len(hashes) // 256


@pytest.mark.django_db
def test_the_third_level_as_well(monkeypatch):
    """With rows of 4 instead of 256, so that a thousand leaves make five levels."""
    monkeypatch.setattr("audit.tree.HEIGHT", 2)
    monkeypatch.setattr("audit.tree.WIDTH", 4)
    for count in (3, 60, 1, 200, 77):
        happen(count)
        seal()
    hashes = [bytes(leaf.hash) for leaf in Leaf.objects.order_by("index")]
    assert set(Node.objects.values_list("level", flat=True)) == {2, 4, 6, 8}
    for size in (1, 4, 63, 64, 65, 255, 256, 341):
        tree, root = Tree(size), root_of(hashes[:size])
        assert tree.root() == root
        for index in {0, size // 2, size - 1}:
            assert inclusion_holds(hashes[index], index, size, tree.inclusion(index), root)
        proof = Tree(341).consistency(size)
        assert consistency_holds(size, root, 341, root_of(hashes), proof)


@pytest.mark.django_db
def test_a_batch_takes_no_more_than_its_limit_and_says_so(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 4)
    events = happen(10)
    sizes = []
    while done := seal(4):
        sizes.append((done.size, done.more))
    assert sizes == [(4, True), (8, True), (10, False)]
    assert order() == [event.pk for event in events]
    first = Checkpoint.objects.last()
    assert first.at == Event.objects.get(pk=events[3].pk).occurred_at


@pytest.mark.django_db
def test_a_proof_costs_a_few_queries(django_assert_max_num_queries):
    happen(2_000)
    seal()
    with django_assert_max_num_queries(5):
        path = Tree.whole().inclusion(777)
    assert len(path) == 11


@pytest.mark.django_db
def test_an_event_that_is_queued_again_is_not_sealed_twice():
    (event,) = happen()
    seal()
    Unsealed.objects.create(event_id=event.pk)
    assert seal() is None
    assert order() == [event.pk]


@pytest.mark.django_db
def test_hashes_that_are_missing_are_noticed():
    happen(3)
    seal()
    with pytest.raises(TreeBroken):
        Tree(5).root()


@pytest.mark.django_db
@pytest.mark.parametrize("table", ["audit_leaf", "audit_node", "audit_checkpoint"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_the_seal(table, change):
    happen(300)
    seal()
    field = {"audit_leaf": "hash", "audit_node": "hash", "audit_checkpoint": "root"}[table]
    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(change.format(table, field, field))


# --- the process ----------------------------------------------------------------------------------


def run(*words):
    out = io.StringIO()
    call_command("audit_seal", *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_seals_all_that_waits(monkeypatch):
    happen(3)
    assert run() == "3 events sealed.\n"
    assert json.loads(run("--json")) == {"ok": True, "count": 0}


@pytest.mark.django_db
def test_it_says_whether_events_wait_too_long():
    happen()
    assert "has waited 0 s" in run("--state")
    at = timezone.now() - timedelta(seconds=60)
    happen(occurred_at=at)
    with pytest.raises(CommandError, match="has waited 6") as caught:
        run("--state")
    assert caught.value.returncode == 1
    run()
    assert json.loads(run("--state", "--json")) == {"ok": True, "waited_s": 0}


@pytest.mark.django_db(transaction=True)
def test_the_process_keeps_sealing_through_a_fault_until_told_to_stop(monkeypatch):
    monkeypatch.setattr(sealer, "PAUSE_S", 0.01)
    monkeypatch.setattr(sealer, "TROUBLE_PAUSE_S", 0.01)
    faults = iter([OperationalError("gone"), None])

    def sometimes(*args):
        if fault := next(faults, None):
            raise fault
        return seal(*args)

    monkeypatch.setattr(sealer, "seal", sometimes)
    stop = threading.Event()

    def process():
        try:
            sealer.keep_sealing(stop)
        finally:
            connection.close()

    thread = threading.Thread(target=process)
    thread.start()
    try:
        for count in (1, 3):
            happen(count)
            until = time.monotonic() + 20
            while Unsealed.objects.exists() and time.monotonic() < until:
                stop.wait(0.01)
    finally:
        stop.set()
        thread.join(20)
    assert Leaf.objects.count() == 4


@pytest.mark.django_db
def test_the_public_keys_are_printed_and_nothing_else():
    out = io.StringIO()
    call_command("audit_keys", stdout=out)
    (key,) = signing_keys()
    assert out.getvalue().strip() == str(key.public)
    assert settings.RECORD_KEYS[0].split(":")[1] not in out.getvalue()

"""Whatever the database's owner does to the record, the verifier finds it and names it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.erasing import Because
from audit.models import Event
from audit.notes import SigningKey
from audit.sealing import signing_keys
from audit.services.keeping import content_erase
from tests.factories import COMMAND
from tests.tamper.conftest import new_key, run


def kinds(said):
    """What kinds of findings the verifier names."""
    return set(re.findall(r"^(\w+): ", said.partition("PROVEN:")[0], re.M))


def found(world, *wanted, key=None):
    code, said = world.verify(key=key)
    assert code == 1, said
    assert kinds(said) == set(wanted), said
    return said


def test_the_one_who_tampers_is_the_superuser(world):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone()[0]


# --- no false alarm -------------------------------------------------------------------------------


def test_nothing_is_said_of_a_record_that_is_whole(world):
    world.live()
    code, said = world.verify()
    assert code == 0, said
    assert "160 lines stand as witnessed" in said
    assert kinds(said) == set()
    assert "That what was written down is true" in said


def test_nor_of_events_that_wait_or_were_sealed_after_the_last_witness(world):
    world.live(2)
    world.happen(3)
    world.seal(witness=False)
    world.happen(2)
    code, said = world.verify()
    assert code == 0, said
    assert "The 3 sealed lines after these; " in said
    # Handing the record over is on record too, and waits with the two.
    assert "3 are not sealed yet" in said


def test_nor_while_one_key_takes_over_from_another(world, settings):
    world.live(2)
    old = settings.RECORD_KEYS[0]
    settings.RECORD_KEYS = [new_key(world.key.split("+")[0]), old]
    world.live(1)
    settings.RECORD_KEYS = settings.RECORD_KEYS[:1]
    world.live(2)
    code, said = world.verify()
    assert code == 0, said
    assert "200 lines stand as witnessed" in said
    # Whoever knows only the new key can check as much.
    assert world.verify(key=str(signing_keys()[0].public))[0] == 0


def test_nor_of_a_line_that_came_in_a_little_late(world):
    world.live(1)
    world.happen(1, occurred_at=timezone.now() - timedelta(seconds=200))
    world.seal()
    assert world.verify()[0] == 0


def test_an_erasure_that_waits_to_be_sealed_is_called_unsettled_and_not_tampering(world):
    world.live(1)
    event = world.at(3)
    content_erase(actor=COMMAND, event_ids=[event], parts=["what"], because=Because.REQUEST)
    code, said = world.verify()
    assert code == 1
    found = said.partition("PROVEN:")[0].splitlines()
    assert found == [
        "FOUND:",
        f"unsettled: Content of event {event} is gone, an erasure is not sealed yet: export again.",
    ]
    world.seal()
    code, said = world.verify()
    assert code == 0, said
    assert "What the erased content of 1 events said." in said


def test_a_forged_erasure_without_a_seal_excuses_nothing(world):
    world.live(1)
    event = world.at(3)
    world.attack(
        ("UPDATE audit_salt SET what = NULL WHERE event_id = %s", [event]),
        ("UPDATE audit_event SET data = '{}', subject_label = '' WHERE id = %s", [event]),
    )
    world.happen(name="record.erased")
    assert f"Content of event {event} is gone" in found(world, "unsettled")


def test_one_post_exactly_as_it_was_recorded(world):
    world.live(2, count=5)
    world.happen(2, post_id=77)
    world.seal()
    code, said = world.verify("--post", "77")
    assert code == 0
    lines = said.split("Of post 77 exactly this is on record:\n")[1].split("NOT PROVEN:")[0]
    assert lines.count("delivery.published") == 2


# --- edit -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ('data = \'{"text": "something else"}\'', "what"),
        ("subject_label = 'another post'", "what"),
        ("actor_label = 'Sam Ortega'", "who"),
        ("address = '203.0.113.9'", "who"),
        ("account_id = 5", "event"),
        ("name = 'delivery.cancelled'", "event"),
        ("actor_id = 8", "event"),
    ],
)
def test_edit(world, change, part):
    world.live()
    number = world.at(70)
    world.attack(f"UPDATE audit_event SET {change} WHERE id = {number}")
    assert f"edited: Event {number} was edited: {part}, at place 70." in found(world, "edited")


def test_edit_with_all_hashes_made_anew(world):
    world.live()
    world.attack(f"UPDATE audit_event SET actor_id = 8 WHERE id = {world.at(70)}")
    world.hash_anew(world.order())
    assert "from place 40 up to 79" in found(world, "rewritten")


def test_edit_with_the_commitment_made_anew(world):
    world.live()
    number = world.at(70)
    world.attack(
        f"UPDATE audit_event SET actor_label = 'Sam' WHERE id = {number}",
        f"UPDATE audit_leaf SET who = sha256('x') WHERE event_id = {number}",
    )
    found(world, "edited")


# --- delete ---------------------------------------------------------------------------------------


def test_delete(world):
    world.live()
    world.attack(f"DELETE FROM audit_event WHERE id = {world.at(70)}")
    assert "The event at place 70 was removed" in found(world, "removed")


def test_delete_with_its_place(world):
    world.live()
    number = world.at(70)
    world.attack(
        f"DELETE FROM audit_event WHERE id = {number}",
        f"DELETE FROM audit_leaf WHERE event_id = {number}",
    )
    assert "The places 70 to 70 are missing" in found(world, "removed")


def test_delete_with_all_hashes_made_anew(world):
    world.live()
    order = world.order()
    world.attack(f"DELETE FROM audit_event WHERE id = {order[70]}")
    world.hash_anew(order[:70] + order[71:])
    said = found(world, "rewritten", "truncated")
    assert "from place 40 up to 79" in said
    assert "160 lines were witnessed, the export has 159" in said


def test_delete_of_content_without_an_erasure(world):
    world.live()
    number = world.at(70)
    world.attack(
        f"UPDATE audit_event SET data = '{{}}', subject_label = '' WHERE id = {number}",
        f"UPDATE audit_salt SET what = NULL WHERE event_id = {number}",
    )
    assert f"Content of event {number} is gone" in found(world, "removed")


# --- insert ---------------------------------------------------------------------------------------


def test_insert(world):
    world.live()
    at = timezone.now() - timedelta(days=1)
    event = world.insert(occurred_at=at)
    assert f"Event {event.pk} of" in found(world, "inserted")


def test_insert_with_all_hashes_made_anew(world):
    world.live()
    order = world.order()
    event = world.insert()
    world.hash_anew([*order[:70], event.pk, *order[70:]])
    said = found(world, "inserted")
    assert f"Event {event.pk} was put in afterwards among the lines from place 40" in said


# --- reorder --------------------------------------------------------------------------------------


def test_reorder(world):
    world.live()
    one, other = world.at(50), world.at(70)
    world.attack(
        "UPDATE audit_leaf SET event_id = -event_id WHERE index IN (50, 70)",
        f"UPDATE audit_leaf SET event_id = {other} WHERE index = 50",
        f"UPDATE audit_leaf SET event_id = {one} WHERE index = 70",
        "UPDATE audit_leaf a SET who = b.who, what = b.what FROM audit_leaf b"
        " WHERE (a.index, b.index) IN ((50, 70), (70, 50))",
    )
    said = found(world, "reordered")
    assert f"Event {other} of place 70 is at place 50" in said
    assert f"Event {one} of place 50 is at place 70" in said


def test_reorder_with_all_hashes_made_anew(world):
    world.live()
    order = world.order()
    order[50], order[70] = order[70], order[50]
    world.hash_anew(order)
    assert "another order among the lines from place 40 up to 79" in found(world, "reordered")


# --- swap two bodies ------------------------------------------------------------------------------


def test_swap_two_bodies(world):
    world.live()
    one, other = world.at(50), world.at(110)
    world.attack(
        "UPDATE audit_event a SET data = b.data, subject_label = b.subject_label,"
        " account_label = b.account_label FROM audit_event b"
        f" WHERE (a.id, b.id) IN (({one}, {other}), ({other}, {one}))"
    )
    said = found(world, "swapped")
    assert f"Event {one} has that of {other}" in said
    assert f"Event {other} has that of {one}" in said


# --- truncate the tail ----------------------------------------------------------------------------


def test_truncate_the_tail(world):
    world.live()
    world.attack(
        "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE index >= 130)",
        "DELETE FROM audit_leaf WHERE index >= 130",
    )
    said = found(world, "truncated")
    assert "160 lines were witnessed, the export has 130" in said


def test_truncate_the_tail_with_its_checkpoints(world):
    world.live()
    world.attack(
        "DELETE FROM audit_event WHERE id IN (SELECT event_id FROM audit_leaf WHERE index >= 120)",
        "DELETE FROM audit_leaf WHERE index >= 120",
        "DELETE FROM audit_checkpoint WHERE size > 120",
    )
    assert "the export has 120: old or cut" in found(world, "restored")


# --- backdate -------------------------------------------------------------------------------------


def test_backdate_a_line_that_is_there(world):
    world.live()
    number = world.at(70)
    world.attack(
        f"UPDATE audit_event SET occurred_at = occurred_at - interval '3 days' WHERE id = {number}"
    )
    found(world, "edited", "backdated")


def test_backdate_a_new_line_and_have_it_sealed_properly(world):
    world.live()
    (event,) = world.happen(1, occurred_at=timezone.now() - timedelta(days=3))
    world.seal()
    assert f"backdated: Event {event.pk} says " in found(world, "backdated")


# --- rebuild, restore, fork -----------------------------------------------------------------------


def test_rebuild_everything_with_the_old_key_gone(world, settings):
    world.live()
    world.attack(f"UPDATE audit_event SET actor_id = 8 WHERE id = {world.at(70)}")
    settings.RECORD_KEYS = [new_key(world.key.split("+")[0])]
    world.seal_anew()
    assert "a key that no known key vouches for" in found(world, "rebuilt", "rewritten")


def test_rebuild_everything_with_a_key_that_vouches_for_itself(world, settings):
    """The new key names the old one in its checkpoints, which the old one has not signed."""
    world.live()
    settings.RECORD_KEYS = [new_key(world.key.split("+")[0]), new_key(world.key.split("+")[0])]
    world.seal_anew()
    found(world, "rebuilt", "rewritten")


def test_restore_an_old_backup(world):
    world.live(2)
    backup = transaction.savepoint()
    world.live(2)
    transaction.savepoint_rollback(backup)
    said = found(world, "restored")
    assert "160 lines were witnessed, the export has 80" in said
    assert "80 lines stand as witnessed" in said


def test_fork(world):
    world.live(2)
    backup = transaction.savepoint()
    world.live(2)
    transaction.savepoint_rollback(backup)
    world.happen(200)
    world.seal(witness=False)
    assert "signed two histories" in found(world, "forked", "rewritten")


def test_edit_by_whoever_has_the_key_as_well(world):
    world.live()
    world.attack(f"UPDATE audit_event SET actor_id = 8 WHERE id = {world.at(70)}")
    world.seal_anew()
    found(world, "forked", "rewritten")


# --- what cannot be checked is not called good ----------------------------------------------------


def test_witnesses_that_the_key_has_not_signed_prove_nothing(world):
    world.live(1)
    code, said = world.verify(key=stranger())
    assert code == 2
    assert "no witnessed checkpoint is signed by the key" in said


def test_nor_does_a_file_that_is_no_export(world, tmp_path):
    world.live(1)
    world.verify()
    (tmp_path / "record.txt").write_text("something else\n")
    words = ("--key", world.key, "--witnessed", tmp_path / "witnessed.txt")
    assert run("record", tmp_path / "record.txt", *words)[0] == 2
    assert run("record", tmp_path / "missing.txt", *words)[0] == 2
    assert Event.objects.exists()


def stranger():
    """The public key of somebody else."""
    return str(SigningKey.read(new_key("socialdesk-else")).public)

"""Proofs by page and command, the verifier's word on them, and what is kept back."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from accounts.services.social import account_freeze
from audit.models import Checkpoint, Event, Witness
from audit.sealing import seal, signing_keys
from audit.selectors.seal import seal_state
from tests.factories import COMMAND, SocialAccountFactory, UserFactory, give, person
from tests.tamper.conftest import run as verifier

pytestmark = pytest.mark.django_db


@pytest.fixture
def frozen():
    """An event about an account, sealed among others."""
    account = SocialAccountFactory(display_name="Northmoor Fire")
    for number in range(9):
        account_freeze(
            actor=COMMAND, account=SocialAccountFactory(handle=f"@x{number}"), reason="x"
        )
    account_freeze(actor=COMMAND, account=account, reason="Überprüfung")
    seal()
    return Event.objects.get(account_id=account.pk)


def key():
    return str(signing_keys()[0].public)


def run(*words):
    out = io.StringIO()
    call_command("audit_evidence", *map(str, words), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def checked(tmp_path, proof, *words):
    path = tmp_path / "proof.json"
    path.write_text(proof if isinstance(proof, str) else json.dumps(proof), encoding="utf-8")
    return verifier("proof", path, "--key", key(), *words)


# --- by page --------------------------------------------------------------------------------------


def test_an_auditor_takes_the_proof_of_an_event_and_the_verifier_holds_it_good(
    sign_in, auditor, frozen, tmp_path
):
    client = sign_in(auditor)
    page = client.get(f"/record/{frozen.pk}/").content.decode()
    assert f'href="/record/{frozen.pk}/proof.json"' in page
    answer = client.get(f"/record/{frozen.pk}/proof.json")
    assert answer["Content-Disposition"] == f'attachment; filename="proof-event-{frozen.pk}.json"'
    assert answer["Cache-Control"] == "no-store"
    code, said = checked(tmp_path, answer.content.decode())
    assert code == 0, said
    assert "Recorded by 20" in said
    assert "Überprüfung" in said
    given = Event.objects.get(name="record.proof_given")
    assert (given.actor_id, given.data) == (auditor.pk, {"event": frozen.pk})


def test_a_proof_under_a_witnessed_checkpoint_says_so_and_under_another_is_refused(
    frozen, tmp_path
):
    proof = run("event", frozen.pk)
    seen = tmp_path / "seen.txt"
    seen.write_text(Checkpoint.objects.get().note)
    code, said = checked(tmp_path, proof, "--witnessed", seen)
    assert code == 0, said
    assert "That somebody else saw the checkpoint" not in said
    account_freeze(actor=COMMAND, account=SocialAccountFactory(), reason="x")
    seal()
    seen.write_text(Checkpoint.objects.first().note)
    code, said = checked(tmp_path, proof, "--witnessed", seen)
    assert (code, "unwitnessed:" in said) == (1, True)


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event.update(leaf=event["leaf"].replace("account.frozen", "account.thawed")),
        lambda event: event.update(what=event["what"].replace("Überprüfung", "Sturm")),
        lambda event: event.update(who=event["who"].replace("tests", "nobody")),
        lambda event: event.update(index=event["index"] - 1),
        lambda event: event.update(index=10_000),
        lambda event: event.update(path=event["path"][:44]),
    ],
)
def test_a_proof_that_was_changed_proves_nothing(frozen, tmp_path, change):
    proof = json.loads(run("event", frozen.pk))
    change(proof["events"][0])
    code, said = checked(tmp_path, proof)
    assert (code, "edited:" in said) == (1, True), said


def test_nor_does_one_of_another_key(frozen, tmp_path):
    path = tmp_path / "proof.json"
    path.write_text(run("event", frozen.pk))
    from tests.tamper.test_matrix import stranger

    code, said = verifier("proof", path, "--key", stranger())
    assert (code, "unsigned:" in said) == (1, True)


def test_what_speaks_of_other_accounts_is_kept_back(sign_in, tmp_path):
    """The leaf is proven; the text that would tell of them is not handed over."""
    mine, other = SocialAccountFactory(), SocialAccountFactory(display_name="Secret unit")
    ana = UserFactory()
    give(ana, "viewer", mine)
    from audit.actions import EVENTS, action, record
    from audit.services.reading import Allowed

    @action("team.created", needs=lambda *_: Allowed(True))
    def told(*, actor):
        about = [{"account": one, "text": str(one)} for one in (mine, other)]
        record("team.created", account=mine, data={"accounts": about})

    assert "team.created" in EVENTS
    told(actor=COMMAND)
    seal()
    event = Event.objects.get(name="team.created")
    answer = sign_in(ana).get(f"/record/{event.pk}/proof.json")
    assert "Secret unit" not in answer.content.decode()
    assert checked(tmp_path, answer.content.decode())[0] == 0


def test_an_outsider_gets_none(sign_in, frozen):
    nobody = sign_in(UserFactory())
    assert nobody.get(f"/record/{frozen.pk}/proof.json").status_code == 403
    viewer = UserFactory()
    give(viewer, "viewer", SocialAccountFactory())
    for address in (f"/record/{frozen.pk}/proof.json", "/record/post/999999/proof.json"):
        assert sign_in(viewer).get(address).status_code == 404
    assert sign_in(viewer).post(f"/record/{frozen.pk}/proof.json").status_code == 405
    assert not Event.objects.filter(name="record.proof_given").exists()


def test_what_is_not_sealed_has_no_proof_yet(sign_in, auditor):
    account_freeze(actor=COMMAND, account=SocialAccountFactory(), reason="x")
    event = Event.objects.get(name="account.frozen")
    client = sign_in(auditor)
    page = client.get(f"/record/{event.pk}/").content.decode()
    assert "Not sealed yet" in page
    assert "proof.json" not in page
    assert client.get(f"/record/{event.pk}/proof.json").status_code == 409


# --- the state of the seal ------------------------------------------------------------------------


def test_the_page_says_what_is_under_witness_and_what_is_not(sign_in, auditor, frozen):
    client = sign_in(auditor)
    words = " ".join(client.get("/record/seal/").content.decode().split())
    assert "no checkpoint leaves this server" in words
    # The reading of the record itself waits to be sealed.
    state = seal_state()
    assert state.unprotected == state.size + state.waiting
    Witness.objects.create(
        name="file:/mnt/x",
        size=state.size,
        accepted_at=Checkpoint.objects.get().at,
        covers_until=Checkpoint.objects.get().at,
    )
    assert seal_state().unprotected == state.waiting
    words = " ".join(client.get("/record/seal/").content.decode().split())
    assert f"file:/mnt/x: {state.size} lines" in words


def test_it_is_there_without_a_script_as_well(sign_in, auditor):
    assert 'href="/record/seal/"' in sign_in(auditor).get("/record/").content.decode()
    assert sign_in(UserFactory()).get("/record/seal/").status_code == 403


# --- by command -----------------------------------------------------------------------------------


def test_the_growth_of_the_record_is_proven(frozen, tmp_path):
    old = Checkpoint.objects.get()
    for _ in range(5):
        account_freeze(actor=person_of(), account=SocialAccountFactory(), reason="x")
    seal()
    proof = run("growth", old.size)
    code, said = checked(tmp_path, proof)
    assert code == 0, said
    assert f"The record of {old.size} lines is the beginning of that of" in said
    changed = json.loads(proof)
    changed["consistency"] = changed["consistency"][:44]
    code, said = checked(tmp_path, changed)
    assert (code, "forked:" in said) == (1, True)


def person_of():
    return person(UserFactory(is_administrator=True))


def test_the_whole_record_is_handed_over_and_that_is_on_record(frozen, tmp_path):
    path = tmp_path / "record.txt"
    run("record", "--output", path)
    seen = tmp_path / "seen.txt"
    seen.write_text(Checkpoint.objects.get().note)
    code, said = verifier("record", path, "--key", key(), "--witnessed", seen)
    assert code == 0, said
    ended = Event.objects.get(name="record.exported")
    assert ended.data["format"] == "sealed"
    assert ended.data["complete"]
    with pytest.raises(CommandError, match="there already"):
        run("record", "--output", path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["event"], "takes a number"),
        (["record", "5"], "takes no number"),
        (["event", "999999"], "not sealed"),
        (["growth", "999999"], "no checkpoint of size"),
        (["post", "999999"], "not sealed"),
    ],
)
def test_what_cannot_be_handed_over(frozen, words, said):
    with pytest.raises(CommandError, match=said) as caught:
        run(*words)
    assert caught.value.returncode == 1

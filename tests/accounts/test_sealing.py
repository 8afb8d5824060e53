"""Secrets at rest: bound to their row, opened nowhere else, rotated, and never shown."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from accounts import connections
from accounts.connections import kept_adapter, open_account
from accounts.models import Credential, SocialAccount
from accounts.sealing import SealBroken, seal, sealed_with_newest_key, unseal
from accounts.services.credentials import credentials_rotate
from audit.actions import NotAllowed
from audit.models import Event
from platforms.contract import AuthorisationLost, RetryLater
from tests.factories import (
    COMMAND,
    CredentialFactory,
    SocialAccountFactory,
    UserFactory,
    person,
)

pytestmark = pytest.mark.django_db
CANARY = "canary-secret-5d1f"


def stored(credential, column="secret"):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM accounts_credential WHERE id = %s", [credential.pk])
        return cursor.fetchone()[0]


def put(credential, value, column="secret"):
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE accounts_credential SET {column} = %s WHERE id = %s", [value, credential.pk]
        )


def test_what_lies_in_the_database_is_sealed_and_opens_in_its_row():
    credential = CredentialFactory()
    assert CANARY not in stored(credential)
    assert Credential.objects.get(pk=credential.pk).secret == CANARY


def test_a_sealed_value_moved_to_another_row_does_not_open():
    mine, other = CredentialFactory(), CredentialFactory(secret="another")
    put(other, stored(mine))
    with pytest.raises(SealBroken, match="another row"):
        _ = Credential.objects.get(pk=other.pk).secret


def test_nor_moved_to_another_column():
    credential = CredentialFactory()
    put(credential, stored(credential), "session")
    with pytest.raises(SealBroken, match="another row"):
        _ = Credential.objects.get(pk=credential.pk).session


def test_nor_with_another_key_or_when_it_was_changed(settings):
    credential = CredentialFactory()
    put(credential, stored(credential)[:-4] + "AAA=")
    with pytest.raises(SealBroken, match="does not open"):
        _ = Credential.objects.get(pk=credential.pk).secret
    credential = CredentialFactory()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(SealBroken, match="SOCIALDESK_CREDENTIAL_KEYS"):
        _ = Credential.objects.get(pk=credential.pk).secret


def test_an_account_whose_secret_does_not_open_has_lost_its_authorisation(settings):
    credential = CredentialFactory()
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(AuthorisationLost, match="Reconnect") as error:
        open_account(credential.account)
    assert CANARY not in str(error.value)


def test_an_account_without_credentials_has_lost_its_authorisation():
    with pytest.raises(AuthorisationLost, match="disconnected"):
        open_account(SocialAccountFactory())


def test_a_row_can_be_passed_about_without_its_secret_and_says_nothing_of_it():
    CredentialFactory(session="canary-session-77aa")
    credential = Credential.objects.get()
    for words in (repr(credential), str(credential), repr(credential.__dict__)):
        assert "canary" not in words
    with_less = Credential.objects.defer("secret").get()
    assert with_less.secret == CANARY


def test_an_empty_session_stays_empty():
    assert stored(CredentialFactory(), "session") == ""


def test_a_field_needs_its_row_first():
    field = Credential._meta.get_field("secret")
    with pytest.raises(ValueError, match="primary key"):
        field.binding(Credential(id=None))
    assert type(Credential.secret).__name__ == "_Opener"


def test_saving_again_does_not_seal_twice():
    credential = Credential.objects.get(pk=CredentialFactory().pk)
    before = stored(credential)
    credential.save()
    assert stored(credential) == before
    assert Credential.objects.get().secret == CANARY


def test_rotation_seals_anew_and_then_the_old_key_can_go(settings):
    (old,) = settings.CREDENTIAL_KEYS
    credentials = [CredentialFactory(session="kept"), CredentialFactory()]
    new = Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [new, old]
    assert not sealed_with_newest_key(stored(credentials[0]))
    assert credentials_rotate(actor=COMMAND) == 2
    assert credentials_rotate(actor=COMMAND) == 0, "a second time there is nothing to do"
    settings.CREDENTIAL_KEYS = [new]
    assert [c.secret for c in Credential.objects.all()] == [CANARY, CANARY]
    assert {c.session for c in Credential.objects.all()} == {"kept", ""}
    assert Event.objects.filter(name="credential.rotated").count() == 2


def test_rotation_changes_nothing_when_one_does_not_open(settings):
    (old,) = settings.CREDENTIAL_KEYS
    good = CredentialFactory()
    broken = CredentialFactory()
    put(broken, stored(broken)[:-4] + "AAA=")
    before = stored(good)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), old]
    with pytest.raises(SealBroken):
        credentials_rotate(actor=COMMAND)
    assert stored(good) == before


def test_rotation_is_for_the_command_alone(administrator):
    for user in (administrator, UserFactory()):
        with pytest.raises(NotAllowed):
            credentials_rotate(actor=person(user))


def test_seal_and_unseal_by_hand():
    assert unseal(seal("x", binding="a"), binding="a") == "x"
    assert repr(seal("x", binding="a")) == "<sealed>"
    with pytest.raises(SealBroken):
        unseal(seal("x", binding="a"), binding="b")
    with pytest.raises(SealBroken):
        unseal("", binding="a")


class TestKeptAdapters:
    @pytest.fixture
    def account(self):
        return CredentialFactory(secret="canary-one").account

    def test_the_next_one_to_speak_gets_the_same(self, account):
        with kept_adapter(account) as first:
            pass
        with kept_adapter(SocialAccount.objects.get(pk=account.pk)) as second:
            assert second is first

    def test_two_at_once_never_share_one(self, account):
        with kept_adapter(account) as first, kept_adapter(account) as second:
            assert second is not first

    def test_a_new_secret_is_spoken_with_at_once(self, account):
        with kept_adapter(account) as first:
            pass
        account.credential.secret = "canary-two"
        account.credential.save()
        with kept_adapter(SocialAccount.objects.get(pk=account.pk)) as second:
            assert second is not first

    def test_one_that_failed_is_not_used_again(self, account):
        with pytest.raises(RetryLater), kept_adapter(account) as first:
            raise RetryLater("Not now.")
        with kept_adapter(account) as second:
            assert second is not first

    def test_without_credentials_there_is_none(self):
        with pytest.raises(AuthorisationLost), kept_adapter(SocialAccountFactory()):
            pass

    def test_only_so_many_wait(self, account, monkeypatch):
        monkeypatch.setattr(connections, "KEPT", 2)
        for _ in range(5):
            with kept_adapter(CredentialFactory().account):
                pass
        assert len(connections._kept) == 2

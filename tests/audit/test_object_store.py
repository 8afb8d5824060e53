"""An object store with a lock as a witness: nobody takes back what it has, its owner included."""

from __future__ import annotations

import contextlib
import io

import pytest

from accounts.services.social import account_freeze
from audit.models import Checkpoint, Event, Witness
from audit.sealing import seal
from audit.selectors.seal import troubles
from audit.witnesses import name_of, show_all
from tests.factories import COMMAND, SocialAccountFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def address():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    with contextlib.redirect_stdout(io.StringIO()):
        server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def store(address, settings):
    """A client of the store with two buckets: one with object lock, one without."""
    import boto3

    settings.WITNESS_S3_ACCESS_KEY, settings.WITNESS_S3_SECRET_KEY = "made-up", "s-e-c-r-e-t"
    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name="us-east-1",
        aws_access_key_id="made-up",
        aws_secret_access_key="made-up",
    )
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
        client.create_bucket(Bucket="open")
    return client


def live():
    account_freeze(actor=COMMAND, account=SocialAccountFactory(), reason="a leak")
    seal()
    return Checkpoint.objects.all()[0]


def test_a_checkpoint_becomes_an_object_that_nobody_can_take_back(store, address, settings):
    settings.WITNESSES = [f"s3://locked/desk?endpoint={address}&days=30"]
    newest = live()
    show_all()
    key = f"desk/checkpoint-{newest.size:020}.txt"
    kept = store.get_object(Bucket="locked", Key=key)
    assert kept["Body"].read().decode() == newest.note
    assert kept["ObjectLockMode"] == "COMPLIANCE"
    assert (kept["ObjectLockRetainUntilDate"] - kept["LastModified"]).days in (29, 30)
    assert (Witness.objects.get().size, Witness.objects.get().error) == (newest.size, "")
    with pytest.raises(store.exceptions.ClientError, match="AccessDenied"):
        store.delete_object(
            Bucket="locked", Key=key, VersionId=kept["VersionId"], BypassGovernanceRetention=True
        )
    store.put_object(Bucket="locked", Key=key, Body=b"another past")
    first = store.get_object(Bucket="locked", Key=key, VersionId=kept["VersionId"])
    assert first["Body"].read().decode() == newest.note


def test_a_bucket_without_a_lock_is_no_witness_and_somebody_is_told(store, address, settings):
    settings.WITNESSES = [f"s3://open/desk?endpoint={address}"]
    live()
    show_all()
    failing = Event.objects.get(name="witness.failing")
    assert failing.data["witness"] == "s3://open/desk"
    assert "The store refused: InvalidRequest" in failing.data["error"]
    assert "s3://open/desk" in troubles()["witnesses"]
    assert Witness.objects.get().size == 0


@pytest.mark.parametrize(
    "query", ["endpoint=http://127.0.0.1:9", "endpoint=nonsense", "endpoint={address}&days=soon"]
)
def test_one_that_cannot_be_reached_or_understood_fails_and_keeps_its_secret(
    store, address, settings, query
):
    settings.WITNESSES = [f"s3://locked/desk?{query.format(address=address)}"]
    live()
    show_all()
    witness = Witness.objects.get()
    assert witness.failing_since
    assert "s-e-c-r-e-t" not in witness.error + repr(list(Event.objects.values("data")))


def test_an_object_a_minute_at_the_most(store, address, settings):
    settings.WITNESSES = [f"s3://locked/paced?endpoint={address}"]
    first = live()
    show_all()
    live()
    show_all()
    assert Witness.objects.get().size == first.size
    assert store.list_objects_v2(Bucket="locked", Prefix="paced/")["KeyCount"] == 1


def test_its_name_is_without_the_query():
    assert name_of("s3://records/desk?endpoint=https://s3.example.org&days=9") == (
        "s3://records/desk"
    )

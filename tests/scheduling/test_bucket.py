"""Uploads in an object store: put there privately, read back, and sent from there."""

from __future__ import annotations

import contextlib
import io
import uuid

import pytest

from scheduling.attached import attached_to
from scheduling.variants import bytes_of
from socialdesk.env import EnvError
from socialdesk.storages import media_storage
from tests.factories import add_media, person
from tests.scheduling.files import picture, upload


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
def bucket(address, settings):
    """An empty bucket of its own, as the place of uploads."""
    import boto3

    keys = {"aws_access_key_id": "made-up", "aws_secret_access_key": "made-up"}
    store = boto3.client("s3", endpoint_url=address, region_name="us-east-1", **keys)
    name = f"uploads-{uuid.uuid4().hex[:8]}"
    store.create_bucket(Bucket=name)
    place = f"s3://{name}/desk?endpoint={address}"
    settings.STORAGES = settings.STORAGES | {"default": media_storage(place, "made-up", "made-up")}
    return store, name


@pytest.mark.django_db
def test_a_picture_lies_in_the_bucket_and_comes_from_there(bucket, desk, client):
    store, name = bucket
    media = add_media(person(desk.publisher), upload(picture("PNG")))
    (key,) = [one["Key"] for one in store.list_objects_v2(Bucket=name)["Contents"]]
    assert key == f"desk/{media.file.name}"
    grants = store.get_object_acl(Bucket=name, Key=key)["Grants"]
    assert not [one for one in grants if "URI" in one["Grantee"]]  # nobody but its owner
    delivery = desk.scheduled(pictures=[(media.pk, "A bridge")])
    (image,) = attached_to(delivery)[1].images
    client.force_login(desk.viewer)
    shown = client.get(f"/media/{media.token}/")
    assert b"".join(shown.streaming_content) == image.data


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=5-9", slice(5, 10)),
        ("bytes=100-", slice(100, None)),
        ("bytes=-7", slice(-7, None)),
        ("", slice(None)),
    ],
)
@pytest.mark.django_db
def test_of_a_file_in_the_bucket_only_what_is_asked_for_is_read(
    bucket, desk, client, asked, part, monkeypatch
):
    media = add_media(person(desk.publisher), upload(picture("PNG")))
    kept = bytes_of(media)
    desk.scheduled(pictures=[(media.pk, "A bridge")])
    monkeypatch.setattr(
        "storages.backends.s3.S3File._get_file", lambda _file: pytest.fail("all of it was read")
    )
    client.force_login(desk.viewer)
    shown = client.get(f"/media/{media.token}/", headers={"Range": asked} if asked else {})
    assert shown.status_code == (206 if asked else 200)
    assert b"".join(shown.streaming_content) == kept[part]


@pytest.mark.parametrize("place", ["http://bucket", "s3:///prefix", "bucket"])
def test_any_other_place_is_refused(place):
    with pytest.raises(EnvError):
        media_storage(place, "", "")

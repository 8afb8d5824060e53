"""People on the Bluesky network of the tests: the account's owner and everybody else."""

from __future__ import annotations

import itertools
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from atproto import Client, Request, models
from atproto.exceptions import BadRequestError
from atproto_client.exceptions import RequestErrorBase
from atproto_client.utils import TextBuilder

from .network import Addresses

T = TypeVar("T")
StrongRef = models.ComAtprotoRepoStrongRef.Main
ADMIN = b"admin:admin-pass"  # the well-known one of @atproto/dev-env (dev-env/src/const.ts)
OTHER = "did:plc:nobodyatall234567abcdefg"
INDEX_SECONDS = 30.0  # usually well under one; the machine may be busy with a browser


@dataclass(frozen=True, slots=True)
class Person:
    """An account on the PDS, signed in with `client` (which is not subject to rate limits)."""

    handle: str
    did: str
    password: str = field(repr=False)
    client: Client = field(repr=False)


def until(
    look: Callable[[], T | None], *, what: str, seconds: float = INDEX_SECONDS, every: float = 0.1
) -> T:
    """What `look` returns as soon as that is true; AssertionError naming `what` if it never is."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"after {seconds:.0f} s still not: {what}"
        time.sleep(every)
    return seen


class Bluesky:
    """The running network, as the tests use it: by the raw client, beside Socialdesk."""

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._requests: list[Request] = []
        self._appview = Client(addresses.appview, request=self._request())
        self._numbers = itertools.count(1)

    @property
    def pds_url(self) -> str:
        return self._addresses.pds

    @property
    def private_host(self) -> str:
        """'host:port', as a network policy that lets Socialdesk in wants it."""
        return self._addresses.pds.removeprefix("http://")

    def _request(self) -> Request:
        request = Request(timeout=30)
        self._requests.append(request)
        return request

    def close(self) -> None:
        """Close every connection that was opened here."""
        for request in self._requests:
            request.close()

    def client(self, *, limited: bool = False) -> Client:
        """A client of the PDS, not signed in; rate limits count for it only where `limited`."""
        request = self._request()
        if not limited:
            request.add_additional_header("x-ratelimit-bypass", self._addresses.bypass_key)
        return Client(self.pds_url, request=request)

    def hurried(self) -> Bluesky:
        """The PDS where an account may write three times in ten seconds; no AppView reads it."""
        return Bluesky(replace(self._addresses, pds=self._addresses.hurried))

    def account(self, name: str = "", *, display_name: str = "") -> Person:
        """A new account `name`.test (a free name when none is given), known to the AppView."""
        person = self._made(name)
        self.await_handle(person.did, person.handle)
        person.client.login(person.handle, person.password)
        if display_name:
            person.client.app.bsky.actor.profile.create(
                person.did, models.AppBskyActorProfile.Record(display_name=display_name), "self"
            )
            until(
                lambda: self.profile(person.did).display_name == display_name,
                what="profile indexed",
            )
        return person

    def sign_up(self, name: str = "") -> Person:
        """The same, known to the PDS alone."""
        person = self._made(name)
        person.client.login(person.handle, person.password, fetch_bsky_profile=False)
        return person

    def _made(self, name: str) -> Person:
        handle = f"{name or f'person{next(self._numbers)}'}.test"
        password = f"main-password-of-{handle}"
        client = self.client()
        made = client.com.atproto.server.create_account(
            models.ComAtprotoServerCreateAccount.Data(
                handle=handle, email=f"{handle}@mail.test", password=password
            )
        )
        return Person(handle, made.did, password, client)

    def app_password(self, person: Person, name: str = "socialdesk") -> str:
        """A new app password, as a person would make one in their settings."""
        made = person.client.com.atproto.server.create_app_password(
            models.ComAtprotoServerCreateAppPassword.Data(name=name)
        )
        return made.password

    def sign_in_too_often(self, identifier: str) -> list[Exception]:
        """Use up the sign-ins that `identifier` has in five minutes; what each try ended in.

        The server counts a handle and its DID apart.
        """
        client = self.client(limited=True)

        def attempt(_: int) -> Exception:
            try:
                client.login(identifier, "not-the-password")
            except RequestErrorBase as error:
                return error
            raise AssertionError("a wrong password was taken")

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(attempt, range(32)))

    def write_too_often(self, person: Person, points: int) -> None:
        """Use up so many points of what `person` may write, by one request that is refused.

        Taking a record away costs one point. The server counts before it looks at the request.
        """
        client = self.client(limited=True)
        client.login(person.handle, person.password, fetch_bsky_profile=False)
        nothing = models.ComAtprotoRepoApplyWrites.Delete(
            collection="app.bsky.feed.post", rkey="3jzfcijpj2z2a"
        )
        data = models.ComAtprotoRepoApplyWrites.Data(repo=OTHER, writes=[nothing] * points)
        with pytest.raises(RequestErrorBase) as refused:
            client.com.atproto.repo.apply_writes(data)
        assert refused.value.response is not None
        assert refused.value.response.status_code == 403

    def take_down(self, person: Person) -> None:
        """Suspend the account, as the operator of its PDS does."""
        client = self.client()
        client.com.atproto.admin.update_subject_status(
            models.ComAtprotoAdminUpdateSubjectStatus.Data(
                subject=models.ComAtprotoAdminDefs.RepoRef(did=person.did),
                takedown=models.ComAtprotoAdminDefs.StatusAttr(applied=True, ref="test"),
            ),
            headers={"Authorization": "Basic " + b64encode(ADMIN).decode()},
        )

    def profile(self, actor: str) -> models.AppBskyActorDefs.ProfileViewDetailed:
        return self._appview.app.bsky.actor.get_profile({"actor": actor})

    def await_handle(self, did: str, handle: str) -> None:
        """Wait until the AppView knows the account by its handle."""

        def known() -> bool:
            try:
                return self.profile(did).handle == handle
            except BadRequestError:  # 'Profile not found': it lags the PDS
                return False

        until(known, what=f"{handle} known to the AppView")

    def post(
        self,
        author: Person,
        text: str | TextBuilder,
        *,
        reply_to: models.AppBskyFeedPost.ReplyRef | None = None,
    ) -> StrongRef:
        """Post as `author`, and wait until the AppView has it."""
        made = author.client.send_post(text, reply_to=reply_to)
        self.await_post(made.uri)
        return StrongRef(uri=made.uri, cid=made.cid)

    def mention(self, author: Person, of: Person, text: str) -> StrongRef:
        """Post '@of text' as `author`, with the mention that makes the network tell `of`."""
        built = TextBuilder().mention(f"@{of.handle}", of.did).text(f" {text}")
        return self.post(author, built)

    def seen(self, uri: str) -> models.AppBskyFeedDefs.PostView | None:
        """The post as the AppView shows it to everybody; None where it has none."""
        found = self._appview.app.bsky.feed.get_posts({"uris": [uri]}).posts
        return found[0] if found else None

    def await_post(self, uri: str) -> models.AppBskyFeedDefs.PostView:
        return until(lambda: self.seen(uri), what=f"{uri} at the AppView")

    def await_posts(self, uris: Iterable[str]) -> None:
        """Wait until the AppView has all of them."""
        missing = list(uris)

        def none_missing() -> bool:
            some = missing[:25]  # as many as one request may ask for
            posts = self._appview.app.bsky.feed.get_posts({"uris": some}).posts if some else []
            for post in posts:
                missing.remove(post.uri)
            return not missing

        until(none_missing, what="all posts at the AppView", seconds=60, every=0)

    def await_gone(self, uri: str) -> None:
        until(lambda: self.seen(uri) is None, what=f"{uri} gone from the AppView")

    def records(self, author: Person) -> dict[str, models.AppBskyFeedPost.Record]:
        """All posts in the author's repository, by URI, straight from the PDS."""
        answer = self.client().com.atproto.repo.list_records(
            {"repo": author.did, "collection": "app.bsky.feed.post", "limit": 100}
        )
        return {record.uri: record.value for record in answer.records}

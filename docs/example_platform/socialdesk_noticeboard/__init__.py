"""The council's notice board as a platform of Socialdesk.

A made-up network with a plain interface: JSON over HTTPS, one key for each office. Written against
`platforms/contract.py` alone, to be read from top to bottom:

    GET    /api/office              who the key belongs to
    GET    /api/rules               what this board takes
    POST   /api/pictures            a picture; nobody sees it before a notice shows it
    POST   /api/notices             a notice, or an answer to a note, with an `Idempotency-Key`,
                                    which the board keeps for ever
    GET    /api/notices?key=…       the notice that was posted with this key
    GET    /api/notices?after=…     the office's notices in the order of their posting
    DELETE /api/notices/<id>
    GET    /api/notes?after=…       what residents wrote to the office, in the order of its arrival
    POST   /api/notes/<id>/hide     a note under a notice of the office, and /show again

What is refused is told as `{"error": "<code>", "message": "<a sentence>"}`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, TypeVar

from requests import Response

from platforms.checking import fitting
from platforms.contract import (
    Allowance,
    Batch,
    Connection,
    Deed,
    Feature,
    Identity,
    Image,
    Incoming,
    Limits,
    Lookup,
    NetworkPolicy,
    Outgoing,
    OwnPost,
    PlatformInfo,
    Presence,
    Published,
    Rate,
    Refused,
    Remember,
    Steps,
    TextUnit,
)
from platforms.declared import Measure
from platforms.declining import Declining
from platforms.failures import Malformed
from platforms.rest import RestClient, Row, row_of
from socialdesk_noticeboard import reading
from socialdesk_noticeboard.reading import in_path

T = TypeVar("T")

_PAGE = 50
_REQUESTS = (Deed.PUBLISH, Deed.UPLOAD, Deed.READ, Deed.MODERATE)


class NoticeboardAdapter(Declining):
    """See `platforms.contract.Adapter` for what each method has to do.

    What the board cannot do about what came in, `Declining` refuses in the words of `moderation`.
    """

    # The contract this was written for, `VERSION` in platforms/contract.py.
    contract: ClassVar[int] = 1

    # All that composer, checks, connect page and docs have to know. Nothing else tells them.
    info: ClassVar[PlatformInfo] = PlatformInfo(
        key="noticeboard",
        label="Notice board",
        limits=Limits(
            text_max=600,
            unit=TextUnit.CHARACTER,
            images_max=4,
            image_bytes_max=2_000_000,
            image_types=("image/jpeg", "image/png"),
            alt_text_max=500,
        ),
        features=frozenset(
            {
                Feature.REPLY,
                Feature.DELETE,
                Feature.IMAGES,
                Feature.ALT_TEXT,
                Feature.FIND_PUBLISHED,
                Feature.HIDE,
            }
        ),
        # What can be done about what came in: what the public sees then, or why it cannot be done.
        moderation={
            Feature.HIDE: Measure("The note is shown to nobody but its writer and your office."),
            Feature.REMOVE: Measure("The board lets nobody delete a resident's note. Hide it."),
            Feature.BLOCK: Measure("The board blocks nobody. Ask the town hall's web team."),
        },
        secret_label="Office key",
        secret_help="Ask the town hall's web team for the key of your office.",
        handle_help="The name of your office on the board, such as parks.",
        default_base_url="",
        asks_base_url=True,  # every town has a board of its own
        rates=(Rate("requests", 60, 60, dict.fromkeys(_REQUESTS, 1)),),
        revoke_help="The town hall's web team takes a key back.",
        note="The board has no search.",
    )

    def __init__(
        self, connection: Connection, *, network: NetworkPolicy, remember: Remember
    ) -> None:
        # Sends nothing yet. The client asks under the guard, with the key as a bearer token, makes
        # one of the four errors of whatever happens, and blanks the key out wherever it is told.
        self._client = RestClient(
            self.info.key,
            "The notice board",
            connection,
            network,
            remember,
            lost=reading.is_key_withdrawn,
            sort=reading.refusal_of,
        )

    # --- the account ----------------------------------------------------------------------------

    def verify(self) -> Identity:
        return self._client.get("/api/office", reading.identity_of)

    def limits(self) -> Limits:
        return self._client.get(
            "/api/rules", lambda told: reading.limits_of(told, self.info.limits)
        )

    def allowance(self) -> Allowance | None:
        return self._client.allowance()

    # --- writing --------------------------------------------------------------------------------

    def prepare(self, post: Outgoing, *, steps: Steps) -> None:
        """All of publishing that nobody can see: proves the key, and uploads the pictures."""
        images = fitting(post, self.info, self.limits())
        self.verify()
        self._uploaded(images, steps)

    def publish(self, post: Outgoing, *, steps: Steps) -> Published:
        images = fitting(post, self.info, self.limits())  # refuses what the board never takes
        try:
            return self._post(post, images, self._uploaded(images, steps), steps)
        except Refused as refused:
            if refused.code != "no_such_picture":
                raise
        # The board throws away pictures that no notice took up within a day.
        return self._post(post, images, self._uploaded(images, steps, again=True), steps)

    def _uploaded(self, images: Sequence[Image], steps: Steps, *, again: bool = False) -> list[str]:
        """The pictures' ids on the board; what an earlier attempt uploaded is not sent again."""
        ids = []
        for image in images:
            step = f"picture.{sha256(image.data).hexdigest()[:16]}"
            kept = None if again else steps.get(step)
            if kept is None:
                # Not `writes`: an upload whose answer is lost leaves nothing that anybody sees.
                kept = self._client.ask(
                    "POST",
                    "/api/pictures",
                    lambda answer: reading.id_of(row_of(answer)),
                    data=image.data,
                    headers={"Content-Type": image.mime},
                )
                steps.put(step, kept)
            ids.append(str(kept))
        return ids

    def _post(
        self, post: Outgoing, images: Sequence[Image], ids: Sequence[str], steps: Steps
    ) -> Published:
        notice = {
            "text": post.text,
            "pictures": [
                {"id": id_, "description": image.alt_text}
                for id_, image in zip(ids, images, strict=True)
            ],
            "under": post.reply_to.remote_id if post.reply_to else None,
        }
        # Right before the request that publishes: here a worker learns that its claim was taken
        # away, and then nothing is sent.
        steps.put("about_to_send", True)
        # The same key at every attempt: the board answers a second sending with the first notice.
        # `writes`: where no answer comes, nobody knows, and the engine asks `find_published`.
        return self._client.ask(
            "POST",
            "/api/notices",
            lambda answer: reading.published_of(row_of(answer)),
            writes=True,
            json=notice,
            headers={"Idempotency-Key": post.key},
        )

    def find_published(self, post: Outgoing, *, since: datetime) -> Lookup:
        """By the key, so that nothing has to be guessed.

        A network without one compares the account's own posts; see `platforms/lookup.py`.
        """
        found = self._client.get("/api/notices", reading.only_one_of, key=post.key)
        return Lookup(Presence.FOUND, found) if found else Lookup(Presence.ABSENT)

    def delete(self, remote_id: str) -> None:
        try:
            self._act("DELETE", f"/api/notices/{in_path(remote_id)}")
        except Refused as refused:
            if refused.code != "no_such_notice":  # what is gone already is as it should be
                raise

    # --- keeping order --------------------------------------------------------------------------

    def hide(self, remote_id: str) -> None:
        self._act("POST", f"/api/notes/{in_path(remote_id)}/hide")

    def show(self, remote_id: str) -> None:
        self._act("POST", f"/api/notes/{in_path(remote_id)}/show")

    def _act(self, method: str, path: str) -> None:
        """For what the board answers with 204 and no words. Any other answer proves nothing."""

        def pick(answer: Response) -> None:
            if answer.status_code != 204:
                raise Malformed("neither done nor refused")

        self._client.ask(method, path, pick, writes=True)

    # --- reading --------------------------------------------------------------------------------

    def fetch_mentions(self, cursor: str) -> Batch[Incoming]:
        return self._batch("/api/notes", cursor, reading.incoming_of)

    def fetch_own_posts(self, cursor: str) -> Batch[OwnPost]:
        return self._batch("/api/notices", cursor, reading.own_post_of)

    def _batch(self, path: str, cursor: str, read: Callable[[Row], T]) -> Batch[T]:
        """What is new since `cursor`, the number of the last row that was read.

        The board numbers its rows in the order in which they can be read, so nothing appears below
        a number already passed. Where a network cannot promise that, see `platforms/paging.py`.
        """
        asked = {"after": cursor} if cursor.isdecimal() else {"newest": str(_PAGE)}

        def pick(told: Row) -> Batch[T]:
            last = reading.number_of(told, "last")
            return Batch(reading.readable(told, read), str(last), more=told.get("more") is True)

        return self._client.get(path, pick, limit=_PAGE, **asked)

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        raise Refused("The notice board cannot be searched.", code="not_supported")

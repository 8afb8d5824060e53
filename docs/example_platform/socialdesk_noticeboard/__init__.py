"""The borough's noticeboard: a server that speaks Mastodon's API, with rules of its own.

Nothing is signed there with more than a name, and nobody can be searched for.
"""

from __future__ import annotations

from dataclasses import replace

from platforms.contract import Batch, Deed, Feature, Incoming, Rate, Refused
from platforms.mastodon import MastodonAdapter


class NoticeboardAdapter(MastodonAdapter):
    """See `platforms.contract.Adapter`; what is not said here is as on Mastodon."""

    info = replace(
        MastodonAdapter.info,
        key="noticeboard",
        label="Noticeboard",
        features=MastodonAdapter.info.features - {Feature.SEARCH},
        secret_label="Board key",
        secret_help="Ask the town hall's web team for the key of your office.",
        handle_help="The name of your office on the board, such as parks@board.example.",
        rates=(Rate("requests", 60, 60, {Deed.PUBLISH: 1, Deed.UPLOAD: 1, Deed.READ: 1}),),
        note="The board has no search.",
    )

    def search(self, query: str, cursor: str) -> Batch[Incoming]:
        raise Refused("The board cannot be searched.", code="not_supported")

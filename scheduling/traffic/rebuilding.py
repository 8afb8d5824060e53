"""When Redis has forgotten: what was used of the rates is counted again from the attempts."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import structlog
from django.db.models import Count, Func, IntegerField, Sum
from django.db.models.fields.json import KeyTransform

from accounts.alerts import AlertKind, settle_alert
from accounts.models import SocialAccount
from accounts.policy import by
from audit.actions import action
from audit.actors import Actor, ActorKind
from platforms.contract import Deed, Rate
from scheduling import events  # noqa: F401  # declares them
from scheduling.models import Attempt
from scheduling.traffic.budgets import charge
from scheduling.traffic.servers import Server
from scheduling.traffic.store import key, pipeline, redis

log = structlog.get_logger(__name__)
KEEPER = Actor.worker("traffic keeper")


def epoch_key() -> str:
    """Since when Redis remembers. Where it is missing, everything is."""
    return key("epoch")


def rebuild() -> bool:
    """Count again, if nobody else does; whether it was us. What was read is not on record: a
    reader that asks too much is told so by the platform."""
    if not redis().set(epoch_key(), time.time(), nx=True):
        return False
    servers = {
        Server(platform, base_url)
        for platform, base_url in SocialAccount.objects.values_list("platform", "base_url")
        .order_by()
        .distinct()
    }
    with pipeline() as asked:
        for server in servers:
            for rate in server.info.rates:
                for account_id, units in _used(server, rate):
                    one = charge(rate, server, account_id, units)
                    asked.hincrby(one.window, one.field, one.units)
                    asked.expire(one.window, 2 * rate.per_s)
        asked.execute()
    _settle(actor=KEEPER, servers=servers)
    log.warning("traffic_counted_again", servers=len(servers))
    return True


def _used(server: Server, rate: Rate) -> list[tuple[int, int]]:
    """Account id and units taken in the window under way."""
    began = datetime.fromtimestamp(time.time() // rate.per_s * rate.per_s, UTC)
    pictures = Func(
        KeyTransform("media", "content"),
        function="jsonb_array_length",
        output_field=IntegerField(),
    )
    rows = (
        Attempt.objects.filter(
            started_at__gte=began,
            delivery__account__platform=server.platform,
            delivery__account__base_url=server.base_url,
        )
        .order_by()
        .values("delivery__account")
        .annotate(posts=Count("pk"), pictures=Sum(pictures))
        .values_list("delivery__account", "posts", "pictures")
    )
    posts, uploads = rate.costs.get(Deed.PUBLISH, 0), rate.costs.get(Deed.UPLOAD, 0)
    found = [(account, n * posts + (images or 0) * uploads) for account, n, images in rows]
    return [(account, units) for account, units in found if units]


@action("platform.resumed", needs=by(ActorKind.WORKER), may_find_nothing=True)
def _settle(*, actor: Actor, servers: set[Server]) -> None:
    """Breakers that were open are forgotten, that is closed; so is what was said of them."""
    for server in servers:
        settle_alert(kind=AlertKind.PLATFORM, subject=str(server))

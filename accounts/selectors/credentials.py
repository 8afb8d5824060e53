"""Whose credentials need a person."""

from __future__ import annotations

from django.db.models import Case, F, IntegerField, Q, When
from django.utils import timezone

from accounts.levels import Capability
from accounts.models import SocialAccount
from accounts.models.credentials import ENDS_SOON
from accounts.models.social import Health
from accounts.policy import accounts_where
from audit.actors import Actor

SHOWN = 5


def to_reconnect(actor: Actor) -> list[SocialAccount]:
    """Accounts the person manages whose credentials are lost, end within two weeks or are not
    renewed any more: what works no longer first, then by when it ends; one query, SHOWN at most.
    """
    soon = timezone.now() + ENDS_SOON
    lost = Q(health=Health.LOST)
    ends = Q(credential__lapses_at__lte=soon) | Q(credential__renewal_refused_at__isnull=False)
    found = accounts_where(actor, Capability.MANAGE).filter(lost | ends, disconnected_at=None)
    first = Case(When(lost, then=0), default=1, output_field=IntegerField())
    return list(
        found.select_related("credential")
        .defer("credential__secret", "credential__session")
        .order_by(first, F("credential__lapses_at").asc(nulls_last=True), "pk")[:SHOWN]
    )

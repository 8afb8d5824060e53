"""What the pages of this room share."""

from __future__ import annotations

from django.http import HttpRequest

from accounts.levels import OrgCapability
from accounts.policy import decide_org
from accounts.web import actor_of
from audit.actions import NotAllowed


def require_watching(request: HttpRequest) -> None:
    """These pages are for administrators and, to read, auditors. Raises NotAllowed."""
    actor = actor_of(request)
    verdict = decide_org(actor, OrgCapability.SETTINGS)
    if not verdict and not decide_org(actor, OrgCapability.RECORD):
        raise NotAllowed(verdict.reason)


def may_change(request: HttpRequest) -> bool:
    """Whether the person may set where alerts go."""
    return bool(decide_org(actor_of(request), OrgCapability.SETTINGS))

"""Levels and capabilities: the one table that says what a level may do."""

from __future__ import annotations

from django.db import models


class Capability(models.TextChoices):
    """What a person may do to one social account. The value is the Django permission's codename."""

    VIEW = "account_view", "View calendar, inbox and history"
    DRAFT = "account_draft", "Draft posts and replies, send for approval"
    PUBLISH = "account_publish", "Schedule and send without review"
    MODERATE = "account_moderate", "Moderate"
    APPROVE = "account_approve", "Approve others' posts and replies"
    MANAGE = "account_manage", "Hold, freeze, connect, grant levels"

    @property
    def permission(self) -> str:
        return f"accounts.{self.value}"


class Level(models.TextChoices):
    """A named bundle of capabilities, lowest first."""

    VIEWER = "viewer", "Viewer"
    CONTRIBUTOR = "contributor", "Contributor"
    PUBLISHER = "publisher", "Publisher"
    APPROVER = "approver", "Approver"
    MANAGER = "manager", "Manager"


_C = Capability
CAPABILITIES: dict[Level, frozenset[Capability]] = {
    Level.VIEWER: frozenset({_C.VIEW}),
    Level.CONTRIBUTOR: frozenset({_C.VIEW, _C.DRAFT}),
    Level.PUBLISHER: frozenset({_C.VIEW, _C.DRAFT, _C.PUBLISH, _C.MODERATE}),
    Level.APPROVER: frozenset({_C.VIEW, _C.DRAFT, _C.PUBLISH, _C.MODERATE, _C.APPROVE}),
    Level.MANAGER: frozenset(Capability),
}

READING = frozenset({Capability.VIEW})
"""What stays possible on a frozen account: looking, and managing it back."""
ON_FROZEN = READING | {Capability.MANAGE}


class OrgCapability(models.TextChoices):
    """What an organisation role may do, whatever the account."""

    PEOPLE = "people", "Invite, freeze and change people and teams"
    ACCOUNTS = "accounts", "Connect accounts, freeze them, grant levels"
    RECORD = "record", "Read and export the record"
    SETTINGS = "settings", "Change the organisation's settings"
    ERASE = "erase", "Erase personal content from the record"


def lowest_level(capability: Capability) -> Level:
    """The lowest level that has `capability`."""
    return next(level for level in Level if capability in CAPABILITIES[level])

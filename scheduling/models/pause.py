"""'Hold everything': for the whole desk, for a team's accounts or for one account."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from accounts.models import SocialAccount, Team


class PauseQuerySet(models.QuerySet["Pause"]):
    def in_force(self) -> PauseQuerySet:
        return self.filter(ended_at=None)

    def covering(self, accounts: models.QuerySet[SocialAccount]) -> PauseQuerySet:
        """Those that hold at least one of these accounts back; a pause of everything always."""
        everything = Q(account=None, team=None)
        mine = Q(account__in=accounts) | Q(covered__in=accounts)
        return self.filter(everything | mine).distinct()


class Pause(models.Model):
    """While it is in force nothing goes out from what it covers. Neither account nor team: all.

    `covered` is what the team had levels on when its pause began: what the person was shown is
    what is held, also when a grant runs out in the middle of it.
    """

    account = models.ForeignKey(
        SocialAccount, null=True, blank=True, on_delete=models.PROTECT, related_name="pauses"
    )
    team = models.ForeignKey(
        Team, null=True, blank=True, on_delete=models.PROTECT, related_name="pauses"
    )
    covered = models.ManyToManyField(SocialAccount, related_name="+")
    under_way = models.ManyToManyField("scheduling.Delivery", related_name="+")
    reason = models.CharField(max_length=300)
    begun_at = models.DateTimeField()
    begun_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    begun_by_label = models.CharField(max_length=254)  # a command has no row
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_by_label = models.CharField(max_length=254, blank=True)

    objects = PauseQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(account=None) | Q(team=None), name="pause_of_one_thing"
            ),
            models.UniqueConstraint(
                fields=["account", "team"],
                condition=Q(ended_at=None),
                nulls_distinct=False,
                name="pause_once",
            ),
        ]

    def __str__(self) -> str:
        if self.account is not None:
            return str(self.account)
        return f"the team {self.team}" if self.team is not None else "everything"

    @property
    def is_of_everything(self) -> bool:
        return self.account_id is None and self.team_id is None

    @property
    def what(self) -> str:
        """What it covers, as the beginning of a sentence."""
        if self.account is not None:
            return self.account.display_name
        return f"The team {self.team}" if self.team is not None else "Everything"

    @property
    def held_reason(self) -> str:
        """What a delivery that it holds says of itself."""
        return f"{self.what} was held by {self.begun_by_label}: {self.reason.rstrip('.')}."

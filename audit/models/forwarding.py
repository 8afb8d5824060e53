"""How far the record has come at a place that it is forwarded to."""

from __future__ import annotations

from django.db import models


class Forward(models.Model):
    """One place, such as an organisation's log collector."""

    name = models.CharField(max_length=200, primary_key=True)  # no secret in it
    next_index = models.BigIntegerField(default=0)  # the first place it has not taken yet
    taken_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["name"]

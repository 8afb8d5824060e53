"""Searches of the record that people keep."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class SavedQuery(models.Model):
    """A search by name. Opening it is a search as any, with what its reader may see."""

    owner_id = models.BigIntegerField()
    owner_label = models.CharField(max_length=254)
    name = models.CharField(max_length=80)
    query = models.TextField()  # of the record page's address
    shared = models.BooleanField(default=False)  # with everybody who reads the whole record
    saved_at = models.DateTimeField(default=timezone.now)

    class Meta:
        default_permissions = ()
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["owner_id", "name"], name="saved_query_once")
        ]

    def __str__(self) -> str:
        return self.name

"""The seal over the record: a Merkle tree (RFC 9162) whose leaves are events, and its checkpoints.

Triggers (0005) keep leaves, nodes and checkpoints as the events are kept.
"""

from __future__ import annotations

from django.db import models


class Unsealed(models.Model):
    """An event that waits for its place in the tree. A trigger writes it beside the event, in the
    same transaction, so that one which commits late is found late and never passed over."""

    event_id = models.BigIntegerField(primary_key=True)

    class Meta:
        default_permissions = ()


class Leaf(models.Model):
    """The place of one event in the tree."""

    index = models.BigIntegerField(primary_key=True)  # from 0, without a gap
    event_id = models.BigIntegerField(unique=True)
    hash = models.BinaryField()

    class Meta:
        default_permissions = ()


class Salt(models.Model):
    """What hides an event's personal content behind its commitment; goes when that is erased."""

    event_id = models.BigIntegerField(primary_key=True)
    who = models.BinaryField(null=True)
    what = models.BinaryField(null=True)

    class Meta:
        default_permissions = ()


class Node(models.Model):
    """The hash of a complete subtree of 2^level leaves; `level` is a multiple of 8, and not 0."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()  # its first leaf is index * 2^level
    hash = models.BinaryField()

    class Meta:
        default_permissions = ()


class Checkpoint(models.Model):
    """A signed statement of the record's size and root hash."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()  # the statement itself, as audit.notes signs it
    at = models.DateTimeField()  # everything committed until then is sealed

    class Meta:
        default_permissions = ()
        ordering = ["-size"]

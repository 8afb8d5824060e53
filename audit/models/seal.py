"""The seal over the record: a Merkle tree (RFC 9162) whose leaves are events, and its checkpoints.

Triggers (0005, 0006) keep leaves, nodes, checkpoints and erasures as the events are kept.
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
    # SHA-256 of its two texts with personal content, see audit.leaves
    who = models.BinaryField()
    what = models.BinaryField()

    class Meta:
        default_permissions = ()


class Quarter(models.Model):
    """How many sealed events a quarter of an hour has. The sealer, which works alone, counts them,
    so that writing an event waits for no counter and a picture of years reads no events."""

    at = models.DateTimeField(primary_key=True)  # when it begins
    events = models.IntegerField()
    readings = models.IntegerField()  # of these, readings of the record

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


class Erasure(models.Model):
    """A part of an event whose content was erased. Who did it and why is in the event `by`."""

    pk = models.CompositePrimaryKey("event_id", "part")
    event_id = models.BigIntegerField()
    part = models.CharField(max_length=4, choices=[("who", "who"), ("what", "what")])
    by = models.ForeignKey(
        "audit.Event", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )

    class Meta:
        default_permissions = ()


class Witness(models.Model):
    """How far the checkpoints have come at one place outside of this server."""

    name = models.CharField(max_length=200, primary_key=True)  # as in the settings, no secret in it
    size = models.BigIntegerField(default=0)
    accepted_at = models.DateTimeField(null=True)
    covers_until = models.DateTimeField(null=True)  # what was committed by then is under witness
    failing_since = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["name"]


class SelfCheck(models.Model):
    """How far the record's check of itself has come; one row."""

    next_index = models.BigIntegerField(default=0)
    ran_at = models.DateTimeField(null=True)
    whole_at = models.DateTimeField(null=True)  # when it last came to the end without a fault
    fault = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()

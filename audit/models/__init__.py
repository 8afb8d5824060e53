"""The record's rows: the events, and what proves that they are as they were."""

from audit.models.event import Event
from audit.models.seal import Checkpoint, Leaf, Node, Salt, Unsealed

__all__ = ["Checkpoint", "Event", "Leaf", "Node", "Salt", "Unsealed"]

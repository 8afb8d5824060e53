"""The record's rows: the events, and what proves that they are as they were."""

from audit.models.event import Event
from audit.models.export import RecordExport, Stage
from audit.models.forwarding import Forward
from audit.models.query import SavedQuery
from audit.models.seal import (
    Checkpoint,
    Erasure,
    Leaf,
    Node,
    Quarter,
    Salt,
    SelfCheck,
    Unsealed,
    Witness,
)

__all__ = [
    "Checkpoint",
    "Erasure",
    "Event",
    "Forward",
    "Leaf",
    "Node",
    "Quarter",
    "RecordExport",
    "Salt",
    "SavedQuery",
    "SelfCheck",
    "Stage",
    "Unsealed",
    "Witness",
]

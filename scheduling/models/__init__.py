from scheduling.models import lookups  # noqa: F401  # registers them
from scheduling.models.correction import OPEN, Correction, CorrectionState
from scheduling.models.delivery import Approval, Attempt, Decided, Delivery, HoldKind, Outcome
from scheduling.models.pause import Pause
from scheduling.models.post import Keep, Media, Post, Variant

__all__ = [
    "OPEN",
    "Approval",
    "Attempt",
    "Correction",
    "CorrectionState",
    "Decided",
    "Delivery",
    "HoldKind",
    "Keep",
    "Media",
    "Outcome",
    "Pause",
    "Post",
    "Variant",
]

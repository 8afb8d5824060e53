from scheduling.models import lookups  # noqa: F401  # registers them
from scheduling.models.delivery import Approval, Attempt, Decided, Delivery, HoldKind, Outcome
from scheduling.models.pause import Pause
from scheduling.models.post import Media, Post

__all__ = [
    "Approval",
    "Attempt",
    "Decided",
    "Delivery",
    "HoldKind",
    "Media",
    "Outcome",
    "Pause",
    "Post",
]

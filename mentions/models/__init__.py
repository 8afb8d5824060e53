from mentions.models.conversation import (
    Contact,
    Conversation,
    Kind,
    Mention,
    Note,
    Reply,
    Status,
)
from mentions.models.feed import Feed
from mentions.models.moderation import Act, Moderation, Outcome, Reason

__all__ = [
    "Act",
    "Contact",
    "Conversation",
    "Feed",
    "Kind",
    "Mention",
    "Moderation",
    "Note",
    "Outcome",
    "Reason",
    "Reply",
    "Status",
]

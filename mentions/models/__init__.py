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

__all__ = ["Contact", "Conversation", "Feed", "Kind", "Mention", "Note", "Reply", "Status"]

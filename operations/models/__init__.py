from operations.models.alert import Alert
from operations.models.outgoing import Channel, Destination, Message, MessageState

__all__ = ["Alert", "Channel", "Destination", "Message", "MessageState"]

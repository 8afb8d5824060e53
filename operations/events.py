"""The events of this room. Importing it declares them."""

from audit.actions import declare_events

declare_events(
    alert__raised="noticed",
    alert__sent="told {} what needs a person",
    alert__given_up="could not reach {} with an alert",
    destination__added="added a place alerts go to",
    destination__changed="changed a place alerts go to",
    destination__removed="removed a place alerts go to",
    destination__tested="sent a test alert to {}",
)

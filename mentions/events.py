"""The events of this app. Importing it declares them."""

from audit.actions import declare_events

declare_events(
    mentions__received="took in mentions",
    conversation__read="read a conversation first",
    conversation__unread="marked a conversation unread",
    conversation__done="marked a conversation done",
    conversation__reopened="opened a conversation again",
    conversation__assigned="assigned a conversation",
    conversation__unassigned="took a conversation from its assignee",
    conversation__noted="added a note to a conversation",
    conversation__answered="answered a conversation",
    moderation__hide_asked="asked for {} to be hidden",
    moderation__show_asked="asked for {} to be shown again",
    moderation__remove_asked="asked for {} to be deleted",
    moderation__block_asked="asked for {} to be blocked",
    moderation__unblock_asked="asked for {} to be unblocked",
    moderation__hidden="hid",
    moderation__shown="showed {} again",
    moderation__removed="deleted",
    moderation__blocked="blocked",
    moderation__unblocked="unblocked",
    moderation__failed="could not do what was asked about",
)

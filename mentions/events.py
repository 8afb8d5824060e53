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
)

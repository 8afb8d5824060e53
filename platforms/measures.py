"""What the public sees once something was hidden, deleted or blocked, platform by platform.

In one place, so that they can be read side by side: a public body answers for these words. Where a
platform lacks the feature, the sentence says so, and what to do instead. As of November 2026.
"""

from __future__ import annotations

from platforms.declared import ANYTHING, Feature, Measure

BLUESKY = {
    Feature.HIDE: Measure(
        "The reply moves behind “Hidden replies” at the end of the thread. Everybody can "
        "still open and read it there, and can see that you hid it."
    ),
    Feature.REMOVE: Measure(
        "Bluesky lets nobody delete somebody else's post. Hide it, or report it in its app."
    ),
    Feature.BLOCK: Measure(
        "The person can no longer see, answer or quote the account's posts while signed "
        "in, and what they answered is hidden from others in its threads. Blocks are "
        "public on Bluesky: anybody can look up that you blocked them.",
        ANYTHING,
    ),
}

FACEBOOK = {
    Feature.HIDE: Measure(
        "The public no longer sees the comment. Its author and their friends still see it, "
        "and Facebook does not tell them."
    ),
    Feature.REMOVE: Measure(
        "The comment and the answers under it are gone for everybody. Nobody can bring "
        "them back; the text is kept here."
    ),
    Feature.BLOCK: Measure(
        "The person is banned from the Page: they can still read it, but not comment on it, "
        "react or write to it. What they have written stays until it is hidden or deleted.",
        ANYTHING,
    ),
}

INSTAGRAM = {
    Feature.HIDE: Measure(
        "People no longer see the comment under your post. Its author may still see it. "
        "Instagram does not tell them."
    ),
    Feature.REMOVE: Measure(
        "The comment and the answers under it are gone for everybody. Nobody can bring "
        "them back; the text is kept here."
    ),
    Feature.BLOCK: Measure("Instagram lets no program block people. Block them in its app."),
}

LINKEDIN = {
    Feature.HIDE: Measure("LinkedIn lets no program hide comments."),
    Feature.REMOVE: Measure(
        "LinkedIn lets no program delete other people's comments. An admin of the page can "
        "do so on LinkedIn."
    ),
    Feature.BLOCK: Measure(
        "LinkedIn lets no program block people. An admin of the page can do so on LinkedIn."
    ),
}

MASTODON = {
    Feature.HIDE: Measure(
        "Mastodon has no way to hide somebody's reply. Block its author, or report it to "
        "your server's moderators."
    ),
    Feature.REMOVE: Measure(
        "Mastodon lets nobody delete somebody else's post. Report it to your server's moderators."
    ),
    Feature.BLOCK: Measure(
        "The person can no longer follow or answer the account, and while signed in they "
        "do not see its posts. Other people still see what the person has written. "
        "Mastodon does not tell them, but they can notice.",
        ANYTHING,
    ),
}

SANDBOX = {
    Feature.HIDE: Measure(
        "The reply is folded away under your post, with a line that says that you hid it. "
        "People can still open and read it."
    ),
    Feature.REMOVE: Measure(
        "The reply is gone for everybody. Nobody can bring it back; the text is kept here."
    ),
    Feature.BLOCK: Measure(
        "The person can no longer answer the account. What they have written stays.",
        ANYTHING,
    ),
}

THREADS = {
    Feature.HIDE: Measure(
        "People no longer see the reply under your post, nor what is answered under it. "
        "Its author may still see it. Threads does not tell them."
    ),
    Feature.REMOVE: Measure(
        "Threads lets nobody delete somebody else's reply. Hide it, or report it in the app."
    ),
    Feature.BLOCK: Measure("Threads lets no program block people. Block them in its app."),
}

X = {
    Feature.HIDE: Measure(
        "The reply moves behind “Hidden replies” under your post. Everybody can still open "
        "and read it there. X does not tell its author."
    ),
    Feature.REMOVE: Measure(
        "X lets nobody delete somebody else's reply. Hide it, or report it at x.com."
    ),
    Feature.BLOCK: Measure("X lets no program block people. Block them at x.com."),
}

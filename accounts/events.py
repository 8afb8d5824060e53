"""The events of this app. Importing it declares them."""

from audit.actions import declare_events

declare_events(
    person__invited="invited a person",
    person__joined="accepted an invitation",
    person__changed="changed a person",
    person__frozen="froze a person",
    person__unfrozen="lifted a person's freeze",
    person__left="closed a leaver's access",
    invitation__withdrawn="withdrew an invitation",
    session__started="signed in",
    session__refused="failed to sign in",
    session__ended="signed out",
    mfa__changed="changed their multi-factor sign-in",
    password__changed="changed their password",  # noqa: S106  # an event, no password
    team__created="created a team",
    team__changed="changed a team",
    team__member_added="added a person to a team",
    team__member_removed="took a person out of a team",
    account__connected="connected an account",
    account__reconnected="reconnected an account",
    account__changed="changed an account",
    account__frozen="froze an account",
    account__unfrozen="lifted an account's freeze",
    account__disconnected="disconnected an account",
    account__health_changed="noticed a change in an account's health",
    credential__rotated="sealed credentials with a new key",
    grant__given="gave a level",
    grant__changed="changed a level",
    grant__ended="took a level away",
)

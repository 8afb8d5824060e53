"""What can be done about one message as things stand, in which words, and why not more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mentions.models import Act, Mention, Moderation, Outcome, Reason
from mentions.models.moderation import ON_MESSAGE, ON_PERSON
from platforms.contract import Feature

FEATURES = {
    Act.HIDE: Feature.HIDE,
    Act.SHOW: Feature.HIDE,
    Act.REMOVE: Feature.REMOVE,
    Act.BLOCK: Feature.BLOCK,
    Act.UNBLOCK: Feature.BLOCK,
}
UNDOES = {Act.SHOW: Act.HIDE, Act.UNBLOCK: Act.BLOCK}
_UNDONE_BY = {before: after for after, before in UNDOES.items()}
_UNDOING = (Reason.REVIEWED, Reason.MISTAKE, Reason.OTHER)


@dataclass(frozen=True, slots=True)
class Words:
    """`ask`: after 'asked X to'; `done`: what it then is; `not_done`: what it then is not."""

    ask: str
    done: str
    not_done: str


WORDS = {
    Act.HIDE: Words("hide it", "Hidden", "Not hidden"),
    Act.SHOW: Words("show it again", "Shown again", "Not shown again"),
    Act.REMOVE: Words("delete it", "Deleted", "Not deleted"),
    Act.BLOCK: Words("block its author", "Author blocked", "Author not blocked"),
    Act.UNBLOCK: Words("unblock its author", "Author unblocked", "Author not unblocked"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one message or one person stands, by all that was asked about it, oldest first."""

    acts: Sequence[Moderation] = ()

    @property
    def in_force(self) -> Moderation | None:
        """What holds now: that it is hidden, deleted or blocked."""
        return next((one for one in reversed(self.acts) if one.in_force), None)

    @property
    def pending(self) -> Moderation | None:
        return next((one for one in self.acts if one.state == Outcome.ASKED), None)

    def hindrance(self, act: Act) -> str:
        """Why `act` would change nothing here, or cannot be asked just now; '' when it can."""
        held, pending = self.in_force, self.pending
        if pending is not None and pending.act != UNDOES.get(act):
            return f"{_label(pending)} is being asked to {WORDS[Act(pending.act)].ask} already."
        if pending is not None:
            return ""  # it is called off
        if held is not None and held.act == Act.REMOVE:
            return "It has been deleted already."
        if held is not None and held.act == act:
            return f"It is so already: {WORDS[act].done.lower()}."
        if act in UNDOES and (held is None or held.act != UNDOES[act]):
            return f"There is nothing to take back: it is {WORDS[UNDOES[act]].not_done.lower()}."
        return ""


def standing_of(acts: Iterable[Moderation], act: Act) -> Standing:
    """Of these acts, those that concern the same as `act`: the message, or its author."""
    concerned = ON_PERSON if act in ON_PERSON else ON_MESSAGE
    return Standing([one for one in acts if one.act in concerned])


def reasons_for(act: Act) -> list[Reason]:
    """What one may choose from."""
    if act in UNDOES:
        return list(_UNDOING)
    return [one for one in Reason if one not in (Reason.REVIEWED, Reason.MISTAKE)]


def what_comes_of(mention: Mention, act: Act) -> str:
    """Sentences for people: what the public sees then."""
    if act is Act.SHOW:
        return "Everybody sees it again, as before."
    if act is Act.UNBLOCK:
        return "The person can write to the account again, as before."
    return mention.account.info.measure(FEATURES[act]).says


def lacking(mention: Mention, act: Act) -> str:
    """Why the account's platform cannot do this to such a message at all; '' when it can."""
    info, feature = mention.account.info, FEATURES[act]
    if not mention.account.can(feature):
        return info.measure(feature).says
    if mention.kind not in info.measure(feature).kinds:
        return f"On {info.label} this can be done to replies under our own posts and to no others."
    return ""


def opposite(act: Act) -> Act | None:
    """What takes this act back, where something does."""
    return _UNDONE_BY.get(act)


def _label(moderation: Moderation) -> str:
    return moderation.account.info.label

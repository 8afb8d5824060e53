"""What the composer shows while one writes: counts, checks, previews, what the button will do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import timezone

from accounts.models import SocialAccount
from accounts.policy import right_ends
from audit.actors import Actor
from platforms.contract import Feature, TextUnit
from platforms.counting import Problem, count_text
from scheduling.attached import attached
from scheduling.checks import advice_on, content_problems
from scheduling.elements import LABELS, NOTHING, Elements, clean_text
from scheduling.models import Delivery, Media
from scheduling.placing import Chosen
from scheduling.recheck import needed_of
from scheduling.rules import SLACK, sends_without_review
from scheduling.times import note_on
from scheduling.variants import changes

_RULES = {
    TextUnit.CHARACTER: "characters",
    TextUnit.GRAPHEME: "graphemes",
    TextUnit.UTF16: "units",
    TextUnit.WEIGHTED: "weighted",
    TextUnit.EMOJI_BYTES: "emoji-bytes",
}


@dataclass(frozen=True, slots=True)
class Count:
    """How much of its limit a text uses."""

    used: int
    limit: int

    @property
    def left(self) -> int:
        return self.limit - self.used

    @property
    def over(self) -> int:
        return max(0, self.used - self.limit)

    @property
    def near(self) -> bool:
        return 0 <= self.left <= self.limit // 10


@dataclass(frozen=True, slots=True)
class Shown(Count):
    """One account's side of what is being written. `elements`: what is not left out there."""

    account: SocialAccount
    text: str
    is_own: bool
    elements: Elements
    found: list[Problem]
    left_out: frozenset[str]

    @property
    def problems(self) -> list[str]:
        return [one.message for one in self.found]

    @property
    def rule(self) -> str:
        """How the browser keeps up with typing; the server's number is the one that counts."""
        return _RULES[self.account.limits.unit]


@dataclass(frozen=True, slots=True)
class Check:
    """A line of the list of checks. Tones: green, amber, red."""

    tone: str
    text: str
    why: str = ""
    url: str = ""
    fix: str = ""


def shown_on(
    accounts: Iterable[SocialAccount],
    text: str,
    own_texts: Mapping[int, str],
    media: Sequence[Media],
    elements: Elements = NOTHING,
    *,
    left_out: Mapping[int, frozenset[str]] | None = None,
    reply: bool = False,
) -> list[Shown]:
    """What each account would say, counted by its platform's own rule.

    `left_out`: account id to the names of the elements that it goes without.
    """
    result = []
    for account in accounts:
        own = own_texts.get(account.pk)
        said = clean_text(text if own is None else own)
        left = (left_out or {}).get(account.pk, frozenset())
        theirs = elements.without(name for name in elements.used if name in left)
        result.append(
            Shown(
                account=account,
                text=said,
                is_own=own is not None,
                used=count_text(said, account.limits),
                limit=account.limits.text_max,
                elements=theirs,
                found=content_problems(
                    account, said, attached(media, account.limits), theirs, reply=reply
                ),
                left_out=left,
            )
        )
    return result


def pictures_of(actor: Actor, chosen: Sequence[Chosen], post_id: int | None) -> list[Media]:
    """The chosen pictures as the person may see them, with the typed alternative texts."""
    found = Media.objects.filter(pk__in=[one[0] for one in chosen]).prefetch_related("variants")
    allowed = {
        media.pk: media
        for media in found
        if (media.post_id is None and media.uploaded_by_id == actor.id)
        or (media.post_id is not None and media.post_id == post_id)
    }
    result: list[Media] = []
    for one in chosen:
        media = allowed.get(one.pk)
        if media is not None:
            media.alt_text, media.removed_at, media.keep = one.alt_text.strip(), None, one.keep
            media.part, media.position = one.part, sum(m.part == one.part for m in result)
            result.append(media)
    return sorted(result, key=lambda media: (media.part, media.position))


def checks_on(
    shown: Sequence[Shown],
    media: Sequence[Media],
    due_at: datetime | None,
    zone: str,
    writer: Actor | None = None,
) -> list[Check]:
    """The list that explains itself: what must be put right, what to think about, what is fine.

    `writer`: by whose right it is to go out, where that is to be looked at.
    """
    checks = [_check_on(side, problem) for side in shown for problem in side.found]
    if not shown:
        checks.append(Check("amber", "Choose at least one account.", url="#accounts"))
    checks += _checks_on_media(shown, media)
    if due_at is not None:
        checks += _checks_on_time(shown, due_at, zone)
        checks += _checks_on_right(shown, due_at, zone, writer) if writer else []
    for side in shown:
        if side.account.is_frozen:
            checks.append(Check("red", f"{side.account.display_name} is frozen."))
        elif side.account.health == "lost":
            checks.append(Check("red", f"{side.account.display_name} needs reconnecting."))
    if shown and not any(check.tone == "red" for check in checks):
        checks.append(Check("green", "Fits every account it goes to."))
    return checks


def _check_on(side: Shown, problem: Problem) -> Check:
    account = side.account
    text, why = f"{account.display_name}: {problem.message}", advice_on(problem)
    if problem.part > 1:
        return Check("red", text, why, url=f"#part-{problem.part}")
    if why:
        return Check("red", text, why, url=f"#leave-{problem.about}-{account.pk}")
    if problem.about in LABELS:
        return Check("red", text, url=f"#along-{problem.about}")
    if problem.about in ("media", Feature.VIDEO):
        return Check("red", text, url="#pictures")
    return Check("red", text, url=f"#text-{account.pk}" if side.is_own else "#text-main")


def _checks_on_media(shown: Sequence[Shown], media: Sequence[Media]) -> list[Check]:
    checks = []
    for item in media:
        if not item.alt_text:
            checks.append(
                Check(
                    "amber",
                    f"{item.name.capitalize()} has no words for people who cannot see it.",
                    url=f"#alt-{item.pk}",
                    fix="Describe it",
                )
            )
        if item.is_unmeasured:
            checks.append(
                Check(
                    "amber",
                    f"How long {item.name} is could not be checked here, and where it was "
                    "taken may still be written in it.",
                    why="The server has no ffmpeg.",
                )
            )
    told = {
        (change.media.pk, change.words, side.account.info.label): change
        for side in shown
        for change in changes(side.account, media)
    }
    for (pk, words, platform), change in told.items():
        text = f"{change.media.name.capitalize()} is {words} for {platform}."
        if change.loses:
            checks.append(Check("amber", text, url=f"#keep-{pk}", fix="Choose what stays"))
        else:
            checks.append(Check("green", text))
    return checks


def _checks_on_time(shown: Sequence[Shown], due_at: datetime, zone: str) -> list[Check]:
    if due_at < timezone.now() - SLACK:
        return [Check("red", "This time has passed.", url="#due", fix="Choose another")]
    note = note_on(due_at, zone)
    return [Check("amber", note, url="#due")] if note else []


def _checks_on_right(
    shown: Sequence[Shown], due_at: datetime, zone: str, writer: Actor
) -> list[Check]:
    """Who writes beyond the end of their own right is told so before, and not when it is held."""
    checks = []
    for account in (side.account for side in shown):
        direct = sends_without_review(writer, Delivery(account=account))
        needed = needed_of(Delivery(account=account, reviewed=not direct))
        ends = right_ends(writer.user, needed, account)
        if ends is not None and ends <= due_at:
            local = ends.astimezone(ZoneInfo(zone))
            until = f"{local.day} {local:%B %Y, %H:%M}"
            text = f"{account.display_name}: your right to send this ends on {until}."
            checks.append(Check("amber", text, "It would be held then.", url="#due"))
    return checks


def button_words(actor: Actor, accounts: Sequence[SocialAccount], *, timed: bool) -> str:
    """What the one primary button will do for this person, in words."""
    if not accounts:
        return "Send for approval"
    direct = sum(sends_without_review(actor, Delivery(account=a)) for a in accounts)
    asked = len(accounts) - direct
    if not direct:
        return "Send for approval"
    if asked:
        return f"Schedule {direct}, send {asked} for approval"
    return f"Schedule for {_accounts(direct)}" if timed else f"Publish to {_accounts(direct)} now"


def _accounts(number: int) -> str:
    return "1 account" if number == 1 else f"{number} accounts"

"""Which picture belongs to which post of a thread, as a person chose it and as it is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from django.db.models import Q
from django.utils import timezone

from accounts.errors import Invalid
from audit.actors import Actor
from scheduling.elements import Elements, clean_text, cleaned
from scheduling.models import Keep, Media, Post

MOST_PICTURES = 10
"""Of one post; each post of a thread may have as many."""
MOST_ALTOGETHER = 100


class Chosen(NamedTuple):
    """A picture or video of a post. `part`: the number of the post of the thread, from 1 on."""

    pk: int
    alt_text: str = ""
    keep: str = Keep.MIDDLE
    part: int = 1


Pictures = Sequence[Chosen | tuple[int, str] | tuple[int, str, str]]
"""The pictures and videos of a post in their order, each as `Chosen` or the front of one."""


def chosen_of(media: Iterable[Media]) -> list[Chosen]:
    """What is there, as it would be chosen anew."""
    return [Chosen(one.pk, one.alt_text, one.keep, one.part) for one in media]


def packed(elements: Elements, chosen: Sequence[Chosen]) -> tuple[Elements, list[Chosen]]:
    """Both as they are kept: further posts that neither say nor show anything are none, and the
    pictures have the numbers that come of it. Raises Invalid for a picture of no post.
    """
    numbers, showing = {1: 1}, {one.part for one in chosen}
    for number, text in enumerate(elements.thread, 2):
        if clean_text(text) or number in showing:
            numbers[number] = len(numbers) + 1
    if not showing <= set(numbers):
        raise Invalid("pictures", "A picture belongs to a post of the thread that is gone.")
    return (
        cleaned(elements, showing),
        [one._replace(part=numbers[one.part]) for one in chosen],
    )


def chosen_for(post: Post, pictures: Pictures | None) -> list[Chosen]:
    """What was chosen; None stands for what is there."""
    if pictures is None:
        return chosen_of(Media.objects.filter(post=post, removed_at=None))
    return [Chosen(*one) for one in pictures]


def arrange(post: Post, actor: Actor, pictures: Sequence[Chosen]) -> bool:
    """Make exactly these the post's pictures and videos; whether that changed anything.

    Part of an action. Raises Invalid for one that is not there to take.
    """
    before = _pictures(post)
    mine = Q(post=post) | Q(post=None, uploaded_by=actor.user)
    known = {media.pk: media for media in Media.objects.select_for_update().filter(mine)}
    in_each = Counter(one.part for one in pictures)
    if any(number > MOST_PICTURES for number in in_each.values()):
        raise Invalid("pictures", f"A post has {MOST_PICTURES} pictures at the most.")
    if len(pictures) > MOST_ALTOGETHER:
        raise Invalid("pictures", f"A thread has {MOST_ALTOGETHER} pictures at the most.")
    placed: Counter[int] = Counter()
    for chosen in pictures:
        media = known.pop(chosen.pk, None)
        if media is None:
            raise Invalid("pictures", "One of the pictures is gone. Add it again.")
        media.post, media.removed_at = post, None
        media.part, media.position = chosen.part, placed[chosen.part]
        placed[chosen.part] += 1
        media.alt_text, media.keep = clean_text(chosen.alt_text), chosen.keep
        media.save(update_fields=["post", "part", "position", "removed_at", "alt_text", "keep"])
    for media in known.values():
        if media.post_id is not None and media.removed_at is None:
            media.removed_at = timezone.now()
            media.save(update_fields=["removed_at"])
    return _pictures(post) != before


def _pictures(post: Post) -> list[Chosen]:
    return chosen_of(Media.objects.filter(post=post, removed_at=None))

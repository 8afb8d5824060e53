"""What keeps a post from going out on an account, found before it is tried."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from accounts.errors import Invalid
from accounts.models import SocialAccount
from platforms.contract import Image
from platforms.counting import Problem, text_problems
from scheduling.models import Delivery, Media


def described(media: Iterable[Media], *, with_data: bool = False) -> list[Image]:
    """Pictures as the platforms know them; without their bytes where only rules are checked."""
    images = []
    for item in media:
        if item.removed_at is not None:
            continue
        data = b""
        if with_data:
            with item.file.open("rb") as file:
                data = file.read()
        images.append(Image(data, item.mime, item.alt_text, item.width, item.height))
    return images


def content_problems(account: SocialAccount, text: str, images: Sequence[Image]) -> list[Problem]:
    """What is wrong with this text and these pictures on this account; empty when it may go out."""
    return text_problems(text, account.limits, images)


def delivery_problems(delivery: Delivery) -> list[Problem]:
    """What is wrong with a delivery as it stands."""
    images = described(delivery.post.media.all())
    return content_problems(delivery.account, delivery.text, images)


def refuse_problems(delivery: Delivery) -> None:
    """Raise Invalid with the first problem of a delivery, naming its account."""
    problems = delivery_problems(delivery)
    if problems:
        raise Invalid("text", f"{delivery.account.display_name}: {problems[0].message}")

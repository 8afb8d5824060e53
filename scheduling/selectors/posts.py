"""Finding posts and deliveries a person may see."""

from __future__ import annotations

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import Http404

from accounts.levels import Capability
from accounts.models import User
from accounts.policy import accounts_where, require
from audit.actors import Actor
from scheduling.models import Delivery, Media, Post
from scheduling.states import QUEUED


def deliveries_visible(actor: Actor) -> QuerySet[Delivery]:
    """Deliveries on accounts the person may view."""
    accounts = accounts_where(actor, Capability.VIEW)
    return Delivery.objects.filter(account__in=accounts).select_related(
        "account", "post__author", "sender"
    )


def post_visible(actor: Actor, post_id: int) -> Post:
    """A post with those of its deliveries the person may view: `post.deliveries.all()`.

    Raises Http404 for a post that is not there, NotAllowed for one that is not theirs to see.
    """
    mine = deliveries_visible(actor).filter(post_id=post_id).order_by("account__display_name", "pk")
    pictures = Media.objects.filter(removed_at=None).prefetch_related("variants")
    post = (
        Post.objects.select_related("author")
        .filter(pk=post_id)
        .prefetch_related(Prefetch("deliveries", mine), Prefetch("media", pictures))
        .first()
    )
    if post is None:
        raise Http404
    if not post.deliveries.all():
        require_view(actor, Delivery.objects.filter(post_id=post_id))
    for delivery in post.deliveries.all():
        delivery.post = post  # with its pictures, which each would otherwise ask for anew
    return post


def require_view(actor: Actor, deliveries: QuerySet[Delivery]) -> None:
    """Raise NotAllowed for the first of these the person may not view, Http404 without any."""
    found = list(deliveries.select_related("account"))
    if not found:
        raise Http404
    for delivery in found:
        require(actor, Capability.VIEW, delivery.account)


def post_editable(actor: Actor, post_id: int) -> Post:
    """A post the person may change: they may draft on all of its accounts.

    Raises Http404, and NotAllowed when they may not change all of it.
    """
    post = post_visible(actor, post_id)
    for delivery in Delivery.objects.filter(post_id=post_id).select_related("account"):
        require(actor, Capability.DRAFT, delivery.account)
    return post


def delivery_visible(actor: Actor, delivery_id: int) -> Delivery:
    """A delivery on an account the person may view. Raises Http404, NotAllowed."""
    found = deliveries_visible(actor).filter(pk=delivery_id).first()
    if found is None:
        require_view(actor, Delivery.objects.filter(pk=delivery_id))
        raise Http404  # it came to be theirs between the two questions
    return found


def media_visible(actor: Actor, token: str) -> Media:
    """A picture of a post the person may view, or one they uploaded just now.

    Raises Http404, NotAllowed.
    """
    media = Media.objects.filter(token=token).first()
    if media is None:
        raise Http404
    if media.post_id is None:
        if media.uploaded_by_id != actor.id:
            raise Http404
    else:
        post_visible(actor, media.post_id)
    return media


def queued_by(user: User) -> list[tuple[str, int]]:
    """How many deliveries would go out by somebody's right, by account; not what they say."""
    mine = Q(sender=user) | Q(sender=None, post__author=user)
    rows = Delivery.objects.filter(mine, state__in=QUEUED).order_by()
    counted = rows.values_list("account__display_name").annotate(number=Count("pk"))
    return list(counted.order_by("account__display_name", "account"))

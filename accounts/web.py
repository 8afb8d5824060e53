"""What views of every room share: the acting person of a request, and turning refusals to forms."""

from __future__ import annotations

from django.forms import BaseForm
from django.http import Http404, HttpRequest

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import require
from audit.actors import Actor, ActorKind


class DeskRequest(HttpRequest):
    """A request after DeskMiddleware, signed in; for annotations."""

    user: User
    actor: Actor


def actor_of(request: HttpRequest) -> Actor:
    """Who acts in this request."""
    actor = getattr(request, "actor", None)
    return actor if isinstance(actor, Actor) else Actor.anonymous()


def person_of(request: HttpRequest) -> User:
    """The signed-in person. Raises Http404 for a visitor, who should not have come this far."""
    actor = actor_of(request)
    if actor.kind is not ActorKind.PERSON:
        raise Http404
    user = actor.user
    assert isinstance(user, User)
    return user


def get_account(
    request: HttpRequest, account_id: int, capability: Capability = Capability.VIEW
) -> SocialAccount:
    """The account, if the person may do `capability` to it. Raises Http404, NotAllowed."""
    account = SocialAccount.objects.select_related("owner", "frozen_by").filter(pk=account_id)
    found = account.first()
    if found is None:
        raise Http404
    require(actor_of(request), capability, found)
    return found


def show_invalid(form: BaseForm, error: Invalid) -> None:
    """Put what a service did not take where the person will see it, at its field."""
    form.add_error(error.field if error.field in form.fields else None, error.message)

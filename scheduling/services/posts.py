"""Posts: writing them and sending them on their way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import ALLOWED, Decision, decide, decided_inside
from audit.actions import NotAllowed, action, record
from audit.actors import Actor, ActorKind
from scheduling import events  # noqa: F401  # declares them
from scheduling.checks import refuse_problems
from scheduling.content import content_hash, described
from scheduling.elements import NOTHING, Elements, clean_text, cleaned, elements_from, told
from scheduling.errors import Stale
from scheduling.models import Delivery, HoldKind, Media, Post
from scheduling.placing import Chosen, Pictures, arrange, chosen_for, packed
from scheduling.recheck import refuse_paused
from scheduling.rules import SLACK, checked_due, sends_without_review
from scheduling.states import CANCELLABLE, EDITABLE, OVER, State
from scheduling.transitions import may_move, move
from scheduling.versions import save_first, save_version


def _on_all(actor: Actor, accounts: Iterable[SocialAccount]) -> Decision:
    for account in accounts:
        decision = decide(actor, Capability.DRAFT, account)
        if not decision:
            return decision
    return ALLOWED


def _may_create(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    if actor.kind is not ActorKind.PERSON:
        return Decision(False, "Only a person writes posts.")
    return _on_all(actor, arguments["accounts"])


def _may_edit(actor: Actor, arguments: Mapping[str, Any]) -> Decision:
    post: Post = arguments["post"]
    present = [delivery.account for delivery in post.deliveries.select_related("account")]
    return _on_all(actor, [*present, *(arguments.get("accounts") or ())])


@action("post.created", needs=_may_create)
def post_create(
    *,
    actor: Actor,
    text: str,
    accounts: Iterable[SocialAccount],
    own_texts: Mapping[int, str] | None = None,
    elements: Elements = NOTHING,
    own_elements: Mapping[int, Elements] | None = None,
    due_at: datetime | None = None,
    reply_to: Mapping[str, Any] | None = None,
    pictures: Pictures = (),
    form_key: UUID | None = None,
) -> Post:
    """A new post with a draft delivery for each account. Raises Invalid, WrittenAlready.

    `own_texts`: account id to the text that replaces `text` there; `own_elements` likewise.
    `reply_to`: a ReplyRef as a dict
    with `remote_id` and `extra`, and `author`, `text`, `permalink` of what is answered, for people.
    `pictures`: of each picture and video, in order. `form_key`: of the form it was written in; a
    second post by the same person from the same form is refused.
    """
    chosen = list(accounts)
    if not chosen:
        raise Invalid("accounts", "Choose at least one account.")
    if reply_to is not None and len(chosen) != 1:
        raise Invalid("accounts", "A reply goes out on the account that was written to.")
    said, shown = packed(elements, [Chosen(*one) for one in pictures])
    post = Post(
        author=_writer(actor), text=clean_text(text), elements=said.as_json(), form_key=form_key
    )
    save_first(post, actor)
    for account in chosen:
        delivery = Delivery(
            post=post,
            account=account,
            own_text=_own_text(own_texts, account),
            own_elements=_own_elements(own_elements, account, shown),
            due_at=due_at,
            reply_to=dict(reply_to) if reply_to is not None else None,
        )
        save_version(delivery, actor)
    arrange(post, actor, shown)
    record("post.created", subject=post, post_id=post.pk, data=_telling(post))
    return post


@action(
    "post.changed",
    "delivery.taken_back",
    "delivery.cancelled",
    needs=_may_edit,
    may_find_nothing=True,
)
def post_edit(
    *,
    actor: Actor,
    post: Post,
    version: int,
    text: str,
    accounts: Iterable[SocialAccount],
    own_texts: Mapping[int, str] | None = None,
    elements: Elements | None = None,
    own_elements: Mapping[int, Elements] | None = None,
    due_at: datetime | None = None,
    pictures: Pictures | None = None,
) -> Post:
    """Change a draft. `version`: the one the person was looking at.

    `pictures`, `elements`: as for post_create; None leaves them as they are. Without a change
    nothing is recorded. Raises Stale when somebody else changed it since (nothing is overwritten),
    Invalid when part of it is on its way. What has gone out already keeps what it went out with.
    """
    if not Post.objects.filter(pk=post.pk, version=version).update(version=F("version") + 1):
        raise Stale(
            "Somebody else changed this post while you were writing. Nothing was overwritten: "
            "your text is still here, theirs is saved."
        )
    post.refresh_from_db()
    before = _telling(post)
    chosen = {account.pk: account for account in accounts}
    if not chosen:
        raise Invalid("accounts", "Choose at least one account.")
    _refuse_what_is_on_its_way(post)
    new_text = clean_text(text)
    written = elements_from(post.elements) if elements is None else elements
    packed_elements, shown = packed(written, chosen_for(post, pictures))
    new_elements = packed_elements.as_json()
    for delivery in _locked(post):
        if delivery.state in EDITABLE:
            if elements is not None:
                delivery.own_elements = _own_elements(own_elements, delivery.account, shown)
            _edit_delivery(actor, delivery, delivery.account_id in chosen, own_texts, due_at)
        else:
            _keep_as_it_went_out(actor, delivery, new_text, new_elements)
        chosen.pop(delivery.account_id, None)
    post.text, post.elements = new_text, new_elements
    save_version(post, actor)
    for account in chosen.values():
        new = Delivery(post=post, account=account, due_at=due_at)
        new.own_text = _own_text(own_texts, account)
        new.own_elements = _own_elements(own_elements, account, shown)
        save_version(new, actor)
    if pictures is not None and arrange(post, actor, shown):
        # A picture and its words are words: the version says whose, and they do not approve it.
        post._history_user = actor.user  # type: ignore[attr-defined]  # django-simple-history's
        post.save()
    data = {"before": before, "after": _telling(post)}
    if data["before"] != data["after"]:
        record("post.changed", subject=post, post_id=post.pk, data=data)
    return post


@action("delivery.submitted", needs=decided_inside)
def post_submit(*, actor: Actor, post: Post) -> list[Delivery]:
    """Send every draft delivery of a post for approval. Raises Invalid, NotAllowed."""
    drafts = _drafts(post)
    for delivery in drafts:
        _submit(actor, delivery)
    return drafts


@action("delivery.scheduled", needs=decided_inside)
def post_schedule(*, actor: Actor, post: Post, due_at: datetime | None = None) -> list[Delivery]:
    """Schedule every draft delivery without review. Raises Invalid, NotAllowed."""
    drafts = _drafts(post)
    for delivery in drafts:
        _schedule(actor, delivery, due_at)
    return drafts


@action("delivery.scheduled", "delivery.submitted", needs=decided_inside)
def post_send(*, actor: Actor, post: Post) -> list[Delivery]:
    """What the one button does: schedule where the person may, ask for approval elsewhere.

    Without a time, what needs no approval goes out at once. Raises Invalid (also for that while
    it is paused), NotAllowed.
    """
    drafts = _drafts(post)
    for delivery in drafts:
        if sends_without_review(actor, delivery):
            at_once = delivery.due_at is None
            _schedule(actor, delivery, delivery.due_at or timezone.now())
            if at_once:
                refuse_paused(delivery)
        else:
            _submit(actor, delivery)
    return drafts


@action("delivery.taken_back", needs=decided_inside)
def post_take_back(*, actor: Actor, post: Post) -> Post:
    """Take all that waits or is queued back to draft, so that it can be changed. Raises Invalid."""
    waiting = (State.IN_REVIEW, State.APPROVED, State.SCHEDULED, State.HELD)
    found = [delivery for delivery in _locked(post) if delivery.state in waiting]
    if not found:
        raise Invalid("", "Nothing of this post can be taken back any more.")
    for delivery in found:
        _refuse_held_by_person(actor, delivery)
        _take_back(delivery)
    return post


@action("delivery.cancelled", needs=decided_inside)
def post_cancel(*, actor: Actor, post: Post, reason: str = "") -> Post:
    """Call off all of a post that has not gone out. Raises Invalid."""
    found = [delivery for delivery in _locked(post) if delivery.state in CANCELLABLE]
    if not found:
        raise Invalid("", "Nothing of this post can be cancelled any more.")
    for delivery in found:
        move(delivery, State.CANCELLED, data={"reason": reason.strip()})
    return post


def _refuse_held_by_person(actor: Actor, delivery: Delivery) -> None:
    """What a manager holds is not walked round by taking it back and sending it again."""
    if delivery.state == State.HELD and delivery.hold_kind == HoldKind.PERSON:
        decision = decide(actor, Capability.MANAGE, delivery.account)
        if not decision:
            raise NotAllowed(decision.reason, hidden=decision.hidden)


def _take_back(delivery: Delivery) -> None:
    """Back to draft, and no approval holds any longer; part of an action."""
    move(delivery, State.DRAFT, event="delivery.taken_back", reviewed=False, sender=None)


def _submit(actor: Actor, delivery: Delivery) -> None:
    refuse_problems(delivery)
    if delivery.due_at is not None and delivery.due_at < timezone.now() - SLACK:
        raise Invalid("due", "This time has passed. Choose a later one.")
    move(
        delivery,
        State.IN_REVIEW,
        data={"content_hash": content_hash(delivery), "due_at": delivery.due_at},
        sender=_writer(actor),
        problem="",
        problem_code="",
    )


def _schedule(actor: Actor, delivery: Delivery, due_at: datetime | None) -> None:
    decision = may_move(actor, delivery, State.SCHEDULED)
    if decision and delivery.account.approval_required:
        raise Invalid(
            "", f"{delivery.account.display_name} asks for approval from everybody. Send it there."
        )
    if decision:
        refuse_problems(delivery)
    due = checked_due(due_at or delivery.due_at)
    move(
        delivery,
        State.SCHEDULED,
        data={"content_hash": content_hash(delivery), "due_at": due},
        due_at=due,
        next_try_at=due,
        sender=_writer(actor),
        reviewed=False,
        tries=0,
        checks=0,
        problem="",
        problem_code="",
    )


def _locked(post: Post) -> list[Delivery]:
    rows = Delivery.objects.select_for_update(of=("self",)).filter(post=post)
    return list(rows.select_related("account", "post").order_by("pk"))


def _drafts(post: Post) -> list[Delivery]:
    drafts = [delivery for delivery in _locked(post) if delivery.state == State.DRAFT]
    if not drafts:
        raise Invalid("", "There is no draft in this post to send.")
    return drafts


def _refuse_what_is_on_its_way(post: Post) -> None:
    for delivery in _locked(post):
        if delivery.state not in (*EDITABLE, *OVER):
            raise Invalid(
                "",
                f"On {delivery.account.display_name} this post is "
                f"{delivery.get_state_display().lower()}. Take it back to draft to change it.",
            )


def _edit_delivery(
    actor: Actor,
    delivery: Delivery,
    stays: bool,
    own_texts: Mapping[int, str] | None,
    due_at: datetime | None,
) -> None:
    if not stays:
        move(delivery, State.CANCELLED, data={"reason": "The account was taken out of the post."})
        return
    if delivery.state == State.FAILED:
        _take_back(delivery)
    delivery.own_text, delivery.due_at = _own_text(own_texts, delivery.account), due_at
    save_version(delivery, actor)


def _keep_as_it_went_out(
    actor: Actor, delivery: Delivery, text: str, elements: dict[str, Any]
) -> None:
    """What the post says from now on is not what this one has said."""
    if delivery.own_text is None and delivery.post.text != text:
        delivery.own_text = delivery.post.text
    if delivery.own_elements is None and delivery.post.elements != elements:
        delivery.own_elements = delivery.post.elements
    save_version(delivery, actor)


def _own_elements(
    own: Mapping[int, Elements] | None, account: SocialAccount, shown: Sequence[Chosen]
) -> dict[str, Any] | None:
    found = (own or {}).get(account.pk)
    return None if found is None else cleaned(found, {one.part for one in shown}).as_json()


def _own_text(own_texts: Mapping[int, str] | None, account: SocialAccount) -> str | None:
    own = (own_texts or {}).get(account.pk)
    return None if own is None else clean_text(own)


def _writer(actor: Actor) -> User:
    user = actor.user
    assert isinstance(user, User), "only a person writes or sends posts"
    return user


def _telling(post: Post) -> dict[str, Any]:
    """What the record keeps of a post as it stands."""
    deliveries = post.deliveries.exclude(state=State.CANCELLED).select_related("account")
    return {
        "text": post.text,
        **told(elements_from(post.elements)),
        "pictures": [described(one) for one in Media.objects.filter(post=post, removed_at=None)],
        "accounts": [
            {
                "account": delivery.account,
                "own_text": delivery.own_text,
                **_told_of_own(delivery),
                "due_at": delivery.due_at,
            }
            for delivery in deliveries.order_by("pk")
        ],
    }


def _told_of_own(delivery: Delivery) -> dict[str, Any]:
    own = delivery.own_elements
    return {} if own is None else {"own": told(elements_from(own)) or "nothing but the text"}

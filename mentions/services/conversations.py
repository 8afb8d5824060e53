"""What people do with conversations: read, assign, note, mark, answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import SocialAccount, User
from accounts.policy import on_account
from audit.actions import action, record
from audit.actors import Actor
from mentions import events  # noqa: F401  # declares them
from mentions.addressing import addressed
from mentions.models import Conversation, Mention, Note, Reply, Status
from mentions.selectors.people import may_be_assigned
from platforms.contract import Feature
from scheduling.errors import Stale
from scheduling.services.posts import post_create, post_send

NOTE_MAX = 5_000
_TWICE = timedelta(minutes=5)
_MAY_DRAFT = on_account(Capability.DRAFT, "conversation.account")
_EVENTS = {
    Status.OPEN: "conversation.reopened",
    Status.UNREAD: "conversation.unread",
    Status.DONE: "conversation.done",
}


@action("conversation.read", needs=_MAY_DRAFT)
def conversation_read(*, actor: Actor, conversation: Conversation) -> Conversation:
    """Somebody of the team opened it, so it is unread no more. Raises Invalid when it was not."""
    conversation = _locked(conversation)
    if conversation.status != Status.UNREAD:
        raise Invalid("", "This conversation has been read already.")
    _change(conversation, status=Status.OPEN)
    record("conversation.read", subject=conversation, account=conversation.account)
    return conversation


@action(*_EVENTS.values(), needs=_MAY_DRAFT)
def conversation_set_status(
    *, actor: Actor, conversation: Conversation, status: str
) -> Conversation:
    """Mark it done, open or unread. Raises Invalid when it is that already."""
    conversation = _locked(conversation)
    if status not in Status.values:
        raise Invalid("status", "A conversation is unread, open or done.")
    before, new = conversation.status, Status(status)
    if before == new:
        raise Invalid("", f"This conversation is {new.label.lower()} already.")
    _change(conversation, status=new)
    data = {"before": before, "after": new}
    record(_EVENTS[new], subject=conversation, account=conversation.account, data=data)
    return conversation


@action("conversation.assigned", "conversation.unassigned", needs=_MAY_DRAFT)
def conversation_assign(
    *, actor: Actor, conversation: Conversation, assignee: User | None
) -> Conversation:
    """Give it to somebody who may view its account, or to nobody. Raises Invalid."""
    conversation = _locked(conversation)
    if assignee is not None and not may_be_assigned(assignee, conversation.account):
        raise Invalid("assignee", "This person may not see the account just now.")
    before = conversation.assignee
    if before == assignee:
        whose = f"assigned to {assignee}" if assignee else "assigned to nobody"
        raise Invalid("assignee", f"This conversation is {whose} already.")
    _change(conversation, assignee=assignee)
    name = "conversation.assigned" if assignee else "conversation.unassigned"
    data = {"before": before, "after": assignee}
    record(name, subject=conversation, account=conversation.account, data=data)
    return conversation


@action("conversation.noted", needs=_MAY_DRAFT)
def conversation_note(*, actor: Actor, conversation: Conversation, text: str) -> Note:
    """Write something down for colleagues; it never goes out. Raises Invalid."""
    conversation = _locked(conversation)
    words = _clean(text)
    if not words:
        raise Invalid("note", "Write the note first.")
    if len(words) > NOTE_MAX:
        raise Invalid("note", f"A note has {NOTE_MAX:,} characters at the most.")
    note = Note.objects.create(conversation=conversation, author=actor.user, text=words)
    _change(conversation)
    # What the note says stays with the note: it may name a member of the public.
    data = {"note": note.pk, "characters": len(words)}
    record("conversation.noted", subject=conversation, account=conversation.account, data=data)
    return note


@action("conversation.answered", "conversation.done", needs=_MAY_DRAFT)
def conversation_reply(
    *,
    actor: Actor,
    conversation: Conversation,
    mention: Mention,
    text: str,
    answered: int | None = None,
    done: bool = False,
) -> Reply:
    """Answer a mention: at once where this person's word is enough, else by way of approval.

    `answered`: the newest reply the person had seen. Raises Stale when somebody has answered since
    (nothing is sent), Invalid, NotAllowed. `done`: mark the conversation done as well.
    """
    conversation = _locked(conversation)
    account = conversation.account
    words = addressed(_clean(text), mention)
    _refuse_reply(conversation, mention, words)
    _refuse_second(actor, conversation, words, answered)
    post = post_create(
        actor=actor,
        text=words,
        accounts=[account],
        due_at=timezone.now(),
        reply_to=_answers(mention),
    )
    deliveries = post_send(actor=actor, post=post)
    reply = Reply.objects.create(conversation=conversation, mention=mention, post=post)
    status = Status.DONE if done else Status.OPEN
    record(
        "conversation.answered",
        subject=conversation,
        account=account,
        post_id=post.pk,
        data={"post": post.pk, "mention": mention.remote_id, "state": deliveries[0].state},
    )
    if done and conversation.status != Status.DONE:
        data = {"before": conversation.status, "after": status}
        record("conversation.done", subject=conversation, account=account, data=data)
    _change(conversation, status=status)
    return reply


def _refuse_reply(conversation: Conversation, mention: Mention, words: str) -> None:
    account: SocialAccount = conversation.account
    if mention.conversation_id != conversation.pk:
        raise Invalid("to", "This message is of another conversation.")
    if not account.can(Feature.REPLY):
        raise Invalid("", f"{account.info.label} takes no replies. Answer there.")
    if not words:
        raise Invalid("text", "Write the reply first.")


def _refuse_second(
    actor: Actor, conversation: Conversation, words: str, answered: int | None
) -> None:
    """No two answers by accident: not one pressed twice, not one beside a colleague's."""
    newer = Reply.objects.filter(conversation=conversation, pk__gt=answered or 0)
    latest = newer.select_related("post__author").order_by("-pk").first()
    if latest is None:
        return
    mine = latest.post.author_id == actor.id
    lately = latest.post.created_at > timezone.now() - _TWICE
    if mine and lately and latest.post.text == words:
        raise Invalid("", "This reply is on its way already. Nothing was sent a second time.")
    if answered is not None:
        who = "You have" if mine else f"{latest.post.author} has"
        raise Stale(
            f"{who} answered in the meantime: see above. Nothing was sent and your text is kept; "
            "send it again if it is still needed."
        )


def _answers(mention: Mention) -> dict[str, Any]:
    return {
        "remote_id": mention.reply_ref.get("remote_id") or mention.remote_id,
        "extra": mention.reply_ref.get("extra") or {},
        "author": str(mention.author),
        "text": mention.text[:1_000],
        "permalink": mention.permalink,
    }


def _locked(conversation: Conversation) -> Conversation:
    """The row as it is now, locked until the action ends."""
    rows = Conversation.objects.select_for_update(of=("self",))
    return rows.select_related("account", "contact", "assignee").get(pk=conversation.pk)


def _change(conversation: Conversation, **fields: Any) -> None:
    """Write `fields` and let live pages know that something is different."""
    for name, value in fields.items():
        setattr(conversation, name, value)
    changed = {"version": F("version") + 1, "changed_at": timezone.now()}
    Conversation.objects.filter(pk=conversation.pk).update(**fields, **changed)


def _clean(text: str) -> str:
    """One kind of line end and no NUL, which PostgreSQL cannot hold."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()

"""Hiding, deleting and blocking: what a person asks for, and what the platform made of it."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import by, on_account
from audit.actions import action, record
from audit.actors import Actor, ActorKind
from mentions import events  # noqa: F401  # declares them
from mentions.models import Act, Conversation, Mention, Moderation, Outcome, Reason
from mentions.models.moderation import ON_MESSAGE, ON_PERSON
from mentions.moderation import Standing, lacking, reasons_for

NOTE_MAX = 500
ASKED = {
    Act.HIDE: "moderation.hide_asked",
    Act.SHOW: "moderation.show_asked",
    Act.REMOVE: "moderation.remove_asked",
    Act.BLOCK: "moderation.block_asked",
    Act.UNBLOCK: "moderation.unblock_asked",
}
DONE = {
    Act.HIDE: "moderation.hidden",
    Act.SHOW: "moderation.shown",
    Act.REMOVE: "moderation.removed",
    Act.BLOCK: "moderation.blocked",
    Act.UNBLOCK: "moderation.unblocked",
}


@action(*ASKED.values(), needs=on_account(Capability.MODERATE, "mention.account"))
def moderation_ask(
    *, actor: Actor, mention: Mention, act: Act, reason: str, note: str = ""
) -> Moderation:
    """Ask for one act on a message or its author; a worker then asks the platform.

    The opposite of what was asked for and is not done yet calls that off. Raises Invalid where the
    platform cannot do it or it is so already, NotAllowed.
    """
    # All that is asked about one conversation is asked one after the other.
    Conversation.objects.select_for_update(of=("self",)).get(pk=mention.conversation_id)
    note = " ".join(note.replace("\x00", "").split())
    _refuse_reason(act, reason, note)
    before = _standing(mention, act)
    if why := lacking(mention, act) or before.hindrance(act):
        raise Invalid("", why)
    called_off = _call_off(before.pending)
    asked = _asked(actor, mention, act, reason, note)
    _tell_pages(asked)
    data = {
        **_about(asked),
        "reason": Reason(reason).label,
        "note": note,
        "called_off": called_off,
        # The text itself stays with the message; by this it can be shown to be the same.
        "text_sha256": sha256(mention.text.encode()).hexdigest(),
    }
    record(ASKED[act], subject=asked, account=mention.account, data=data)
    return asked


@action(*DONE.values(), needs=by(ActorKind.WORKER))
def moderation_done(*, actor: Actor, moderation: Moderation) -> Moderation:
    """The platform said that it is done. Raises Invalid when it was settled by somebody else."""
    moderation = _locked(moderation)
    act = Act(moderation.act)
    _concerned(moderation.mention, act).filter(in_force=True).update(in_force=False)
    _end(moderation, Outcome.DONE, in_force=act in (Act.HIDE, Act.REMOVE, Act.BLOCK))
    record(DONE[act], subject=moderation, account=moderation.account, data=_about(moderation))
    return moderation


@action("moderation.failed", needs=by(ActorKind.WORKER))
def moderation_fail(*, actor: Actor, moderation: Moderation, problem: str) -> Moderation:
    """It will not be done: the platform refused, or may not be asked. `problem`: why, for people.

    Raises Invalid when it was settled by somebody else.
    """
    moderation = _locked(moderation)
    _end(moderation, Outcome.FAILED, problem=problem[:500])
    data = {**_about(moderation), "problem": problem}
    record("moderation.failed", subject=moderation, account=moderation.account, data=data)
    return moderation


def _refuse_reason(act: Act, reason: str, note: str) -> None:
    if reason not in reasons_for(act):
        raise Invalid("reason", "Choose why. It goes on record.")
    if len(note) > NOTE_MAX:
        raise Invalid("note", f"A note has {NOTE_MAX} characters at the most.")
    if reason == Reason.OTHER and not note:
        raise Invalid("note", "Say in the note why.")


def _standing(mention: Mention, act: Act) -> Standing:
    return Standing(list(_concerned(mention, act).select_related("account").order_by("pk")))


def _concerned(mention: Mention, act: str) -> QuerySet[Moderation]:
    """All acts on this message; or, where `act` is one on a person, on its author."""
    if act in ON_PERSON:
        author = {"account": mention.account_id, "contact": mention.author_id}
        return Moderation.objects.filter(act__in=ON_PERSON, **author)
    return Moderation.objects.filter(act__in=ON_MESSAGE, mention=mention)


def _call_off(pending: Moderation | None) -> int | None:
    if pending is None:
        return None
    row = Moderation.objects.select_for_update(of=("self",)).get(pk=pending.pk)
    if row.lease_until is not None and row.lease_until > timezone.now():
        label = pending.account.info.label
        raise Invalid("", f"{label} is being asked at this moment. Try again in a minute.")
    _end(row, Outcome.CALLED_OFF)
    return row.pk


def _asked(actor: Actor, mention: Mention, act: Act, reason: str, note: str) -> Moderation:
    try:
        with transaction.atomic():
            return Moderation.objects.create(
                account=mention.account,
                conversation_id=mention.conversation_id,
                mention=mention,
                contact=mention.author,
                act=act,
                reason=reason,
                note=note,
                by=actor.user,
            )
    except IntegrityError:  # about the same person, from another conversation
        raise Invalid("", "Somebody else has asked for this a moment ago.") from None


def _locked(moderation: Moderation) -> Moderation:
    rows = Moderation.objects.select_for_update(of=("self",))
    row = rows.select_related("account", "mention", "contact").get(pk=moderation.pk)
    if row.state != Outcome.ASKED:
        raise Invalid("", "This was settled already.")
    return row


def _end(moderation: Moderation, state: Outcome, **fields: Any) -> None:
    fields |= {"state": state, "ended_at": timezone.now(), "lease_until": None}
    for name, value in ({"problem": ""} | fields).items():
        setattr(moderation, name, value)
    moderation.save(update_fields=[*fields, "problem"])
    _tell_pages(moderation)


def _tell_pages(moderation: Moderation) -> None:
    """Let live pages know that something is different."""
    Conversation.objects.filter(pk=moderation.conversation_id).update(
        version=F("version") + 1, changed_at=timezone.now()
    )


def _about(moderation: Moderation) -> dict[str, Any]:
    mention = moderation.mention
    return {
        "moderation": moderation.pk,
        "conversation": moderation.conversation_id,
        "message": mention.remote_id,
        "address": mention.permalink,
        "author": moderation.contact.handle,
    }

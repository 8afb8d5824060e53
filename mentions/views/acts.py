"""Changing a conversation: read, mark, assign, note, reply. Each is a POST and one service."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.models import User
from accounts.policy import require
from accounts.web import actor_of, show_invalid
from mentions.addressing import addressed
from mentions.forms import ReplyForm
from mentions.models import Reply, Status
from mentions.selectors import thread
from mentions.services import conversations
from mentions.views.reading import (
    Opened,
    conversation_context,
    conversation_of,
    desk_of,
    frame_context,
    list_context,
    opened_of,
    varied,
    wants_part,
)
from scheduling.composing import shown_on
from scheduling.errors import Stale
from scheduling.states import State

REFRESH = "inbox:refresh"
"""Tells the page that the list has changed and need not wait for its next look."""
_SAID = {
    Status.DONE: "Marked done.",
    Status.OPEN: "Open again.",
    Status.UNREAD: "Marked unread.",
}


@require_POST
def read(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """Somebody opened it. 204 whether or not it was unread still."""
    found = conversation_of(desk_of(request), conversation_id)
    try:
        conversations.conversation_read(actor=actor_of(request), conversation=found)
    except Invalid:
        return HttpResponse(status=204)
    return HttpResponse(status=204, headers={"HX-Trigger": REFRESH})


@require_POST
def status(request: HttpRequest, conversation_id: int, status: str) -> HttpResponse:
    """Mark it done, open or unread."""
    opened = _opened(request, conversation_id)
    before = opened.conversation.status

    def act() -> None:
        conversations.conversation_set_status(
            actor=actor_of(request), conversation=opened.conversation, status=status
        )
        undo = opened.url("status", before)
        messages.success(request, _SAID[Status(status)], extra_tags=f"undo:{undo}")

    return _act(request, opened, act)


@require_POST
def assign(request: HttpRequest, conversation_id: int, user_id: int | None = None) -> HttpResponse:
    """Give it to the person in the address or in `assignee`; 0 or nothing: to nobody."""
    opened = _opened(request, conversation_id)
    before = opened.conversation.assignee_id or 0
    assignee = _assignee(request.POST.get("assignee", "") if user_id is None else str(user_id))

    def act() -> None:
        if assignee is not None and not assignee.pk:
            raise Invalid("assignee", "This person may not see the account just now.")
        conversations.conversation_assign(
            actor=actor_of(request), conversation=opened.conversation, assignee=assignee
        )
        mine = assignee is not None and assignee.pk == actor_of(request).id
        whom = "you" if mine else str(assignee)
        said = f"Assigned to {whom}." if assignee else "Nobody is assigned now."
        messages.success(request, said, extra_tags=f"undo:{opened.url('assign_to', before)}")

    return _act(request, opened, act)


@require_POST
def note(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """Write a note for colleagues."""
    opened = _opened(request, conversation_id)

    def act() -> None:
        conversations.conversation_note(
            actor=actor_of(request),
            conversation=opened.conversation,
            text=request.POST.get("note", ""),
        )
        messages.success(request, "Note added. Only your colleagues see it.")

    return _act(request, opened, act)


@require_POST
def reply(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """Answer. What was typed stays on the page whenever it is not sent."""
    opened = _opened(request, conversation_id)
    require(actor_of(request), Capability.DRAFT, opened.conversation.account)
    form, code = ReplyForm(request.POST), 422
    if form.is_valid():
        try:
            messages.success(request, _said(opened, _reply(request, opened, form)))
            return answer(request, opened)
        except Invalid as error:
            show_invalid(form, error)
        except Stale as error:
            form.add_error(None, str(error))
            code = 409
    return _page(request, opened, form, code)


@require_POST
def reply_check(request: HttpRequest, conversation_id: int) -> HttpResponse:
    """How much room is left, counted as the platform counts; writes nothing."""
    found = conversation_of(desk_of(request), conversation_id)
    text = request.POST.get("text", "")[:20_000]
    to = request.POST.get("to", "")
    known = to.isascii() and to.isdigit() and len(to) < 19
    mention = thread.mention_in(found, int(to)) if known else None
    said = addressed(text.strip(), mention) if mention else text
    side = shown_on([found.account], said, {}, [], reply=True)[0]
    return render(request, "mentions/_reply_count.html", {"side": side})


def _opened(request: HttpRequest, conversation_id: int) -> Opened:
    desk = desk_of(request)
    return opened_of(request, desk, conversation_of(desk, conversation_id))


def _assignee(value: str) -> User | None:
    """The person meant; a User that is not there stands for one who cannot be chosen."""
    if value in ("", "0"):
        return None
    known = value.isascii() and value.isdigit() and len(value) < 19
    found = User.objects.filter(pk=int(value)).first() if known else None
    return found or User()


def _reply(request: HttpRequest, opened: Opened, form: ReplyForm) -> Reply:
    mention = thread.mention_in(opened.conversation, form.cleaned_data["to"])
    if mention is None:
        raise Http404
    return conversations.conversation_reply(
        actor=actor_of(request),
        conversation=opened.conversation,
        mention=mention,
        text=form.cleaned_data["text"],
        answered=form.cleaned_data["answered"],
        done="done" in request.POST,
    )


def _said(opened: Opened, reply: Reply) -> str:
    done = " The conversation is done." if reply.conversation.status == Status.DONE else ""
    if reply.post.deliveries.filter(state=State.IN_REVIEW).exists():
        return f"Sent for approval. It goes out when it is approved.{done}"
    return f"Sending the reply as {opened.conversation.account.display_name}.{done}"


def _act(request: HttpRequest, opened: Opened, act: Callable[[], None]) -> HttpResponse:
    """Do it; what could not be done is said and nothing else."""
    try:
        act()
    except Invalid as error:
        messages.error(request, error.message)
        return answer(request, opened, 422)
    return answer(request, opened)


def answer(request: HttpRequest, opened: Opened, code: int = 200) -> HttpResponse:
    """The conversation as it is now: as a part for htmx, else by going to its page."""
    if not wants_part(request):
        return redirect(opened.url("conversation"))
    response = _page(request, _opened(request, opened.conversation.pk), None, code)
    # Only when the new tokens are in the page, or it would ask with the old ones.
    response.headers["HX-Trigger-After-Settle"] = REFRESH
    return response


def _page(request: HttpRequest, opened: Opened, form: ReplyForm | None, code: int) -> HttpResponse:
    context = conversation_context(request, opened, form)
    if wants_part(request):
        return varied(render(request, "mentions/_conversation.html", context, status=code))
    desk = opened.desk
    context |= frame_context(request, desk)
    context |= list_context(request, desk, opened.conversation.pk)
    return render(request, "mentions/inbox.html", context, status=code)

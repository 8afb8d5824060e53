"""Hiding, deleting, blocking: asked for with a reason, by one form; and whom an account blocks."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import Invalid
from accounts.levels import Capability
from accounts.policy import decide, require
from accounts.web import actor_of, get_account, show_invalid
from mentions.forms import ModerationForm
from mentions.models import Act, Mention
from mentions.models.moderation import ON_PERSON
from mentions.moderation import WORDS, lacking, what_comes_of
from mentions.selectors import thread
from mentions.selectors.moderation import Acts, blocked_on
from mentions.services.moderation import moderation_ask
from mentions.views.acts import answer
from mentions.views.reading import Opened, conversation_of, desk_of, opened_of, varied, wants_part
from platforms.contract import Feature


@require_http_methods(["GET", "POST"])
def moderate(
    request: HttpRequest, conversation_id: int, mention_id: int, name: str
) -> HttpResponse:
    """Ask for one act on a message or its author. In a dialog for htmx, else on a page."""
    opened, mention, act = _asked_for(request, conversation_id, mention_id, name)
    form = ModerationForm(act, request.POST or None)
    if form.is_valid():
        try:
            moderation_ask(actor=actor_of(request), mention=mention, act=act, **form.cleaned_data)
        except Invalid as error:
            show_invalid(form, error)
        else:
            label = mention.account.info.label
            said = f"Asking {label} to {WORDS[act].ask}. The conversation says when it is done."
            messages.success(request, said)
            return answer(request, opened)
    return _page(request, opened, mention, act, form)


@require_GET
def blocked(request: HttpRequest, account_id: int) -> HttpResponse:
    """Whom the account blocks, by whom that was asked for, and why."""
    account = get_account(request, account_id)
    context = {
        "account": account,
        "rows": blocked_on(account),
        "may_moderate": bool(decide(actor_of(request), Capability.MODERATE, account)),
        "can_block": account.can(Feature.BLOCK),
        "why_not": account.info.measure(Feature.BLOCK).says,
    }
    return render(request, "mentions/blocked.html", context)


def _asked_for(
    request: HttpRequest, conversation_id: int, mention_id: int, name: str
) -> tuple[Opened, Mention, Act]:
    """What the address names. Raises Http404, NotAllowed."""
    desk = desk_of(request)
    found = conversation_of(desk, conversation_id)
    require(actor_of(request), Capability.MODERATE, found.account)
    mention = thread.mention_in(found, mention_id)
    if mention is None or name not in Act.values:
        raise Http404
    mention.account = found.account
    return opened_of(request, desk, found), mention, Act(name)


def _page(
    request: HttpRequest, opened: Opened, mention: Mention, act: Act, form: ModerationForm
) -> HttpResponse:
    wrong = form.is_bound and bool(form.errors)
    context = _context(opened, mention, act) | {"form": form}
    if not wants_part(request):
        return render(request, "mentions/moderate.html", context, status=422 if wrong else 200)
    if not wrong:
        return varied(render(request, "mentions/_moderate_dialog.html", context))
    context["dialog"] = True
    response = render(request, "mentions/_moderate_form.html", context, status=422)
    response.headers["HX-Retarget"] = "#moderate-form"
    response.headers["HX-Reswap"] = "outerHTML"
    return varied(response)


def _context(opened: Opened, mention: Mention, act: Act) -> dict[str, Any]:
    acts = Acts(mention, opened.conversation.account)
    standing = acts.on_person if act in ON_PERSON else acts.on_message
    return {
        "opened": opened,
        "conversation": opened.conversation,
        "mention": mention,
        "act": act,
        "words": WORDS[act],
        "title": _title(mention, act),
        "effect": what_comes_of(mention, act),
        "why_not": lacking(mention, act) or standing.hindrance(act),
        "tone": "danger" if act in (Act.REMOVE, Act.BLOCK) else "primary",
    }


def _title(mention: Mention, act: Act) -> str:
    kind = mention.get_kind_display().lower()
    return {
        Act.HIDE: f"Hide this {kind}?",
        Act.SHOW: f"Show this {kind} again?",
        Act.REMOVE: f"Delete this {kind}?",
        Act.BLOCK: f"Block {mention.author}?",
        Act.UNBLOCK: f"Unblock {mention.author}?",
    }[act]

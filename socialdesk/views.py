"""Pages that bring rooms together: My day, and the search behind Ctrl-K."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts.levels import Capability, OrgCapability
from accounts.models import SocialAccount, User
from accounts.policy import accounts_where, decide_org, decide_pause
from accounts.selectors.conditions import lapsing_on, requirements_due
from accounts.selectors.credentials import to_reconnect
from accounts.selectors.reviews import tasks_of
from accounts.web import actor_of, person_of
from audit.actors import Actor
from mentions.selectors.day import assigned_to, came_in
from scheduling.selectors import day
from scheduling.selectors.posts import deliveries_visible
from socialdesk.context import navigation

FOUND = 6
REVIEWS = 3


@require_GET
def my_day(request: HttpRequest) -> HttpResponse:
    """Four blocks in order of urgency."""
    actor = actor_of(request)
    trouble, soon = day.needs_now(actor), day.approvals_soon(actor)
    drafts, conversations = day.own_drafts(actor), assigned_to(actor)
    context = {
        "trouble": trouble,
        "soon": soon,
        "drafts": drafts,
        "conversations": conversations,
        "next_out": day.next_out(actor),
        "came_in": came_in(actor),
        "nothing_now": not (trouble or soon),
        "nothing_waits": not (drafts or conversations),
    }
    return render(request, "my_day.html", context)


@require_GET
def my_access(request: HttpRequest) -> HttpResponse:
    """The parts of My day about accounts that have to be reconnected, and about access: what one's
    levels lack, whose lapse, what is under review.

    Asked for by the page once it is there, so that the page itself asks no more than it did.
    """
    actor = actor_of(request)
    tasks = tasks_of(actor)
    context = {
        "reconnect": to_reconnect(actor),
        "requirements": requirements_due(person_of(request)),
        "tasks": tasks[:REVIEWS],
        "more": len(tasks) > REVIEWS,
        "lapsing": lapsing_on(actor),
    }
    return render(request, "_my_day_access.html", context)


@require_GET
def search(request: HttpRequest) -> HttpResponse:
    """Accounts, posts, people and pages by a few letters; only what the person may open."""
    q = request.GET.get("q", "").replace("\x00", "").strip()[:80]
    actor = actor_of(request)
    groups = [_pages(request, q), _accounts(actor, q), _posts(actor, q), _people(actor, q)]
    context = {"q": q, "groups": [group for group in groups if group["results"]]}
    return render(request, "_components/search_results.html", context)


def _pages(request: HttpRequest, q: str) -> dict[str, Any]:
    pages = navigation(request)
    if decide_pause(actor_of(request), None):
        url = reverse("scheduling:pause_new")
        pages.append({"url": url, "label": "Hold everything", "icon": "player-pause"})
    found = [page for page in pages if q.lower() in str(page["label"]).lower()]
    results = [{"url": i["url"], "title": i["label"], "icon": i["icon"]} for i in found[:FOUND]]
    return {"label": "Pages", "results": results}


def _accounts(actor: Actor, q: str) -> dict[str, Any]:
    rows = accounts_where(actor, Capability.VIEW) if q else SocialAccount.objects.none()
    rows = rows.filter(Q(display_name__icontains=q) | Q(handle__icontains=q))
    results = [
        {
            "url": reverse("accounts:account", args=[a.pk]),
            "title": a.display_name,
            "detail": f"{a.info.label} {a.handle}",
            "icon": "at",
        }
        for a in rows[:FOUND]
    ]
    return {"label": "Accounts", "results": results}


def _posts(actor: Actor, q: str) -> dict[str, Any]:
    if len(q) < 3:
        return {"label": "Posts", "results": []}
    rows = deliveries_visible(actor).filter(Q(post__text__icontains=q) | Q(own_text__icontains=q))
    results: dict[int, dict[str, Any]] = {}
    for row in rows.order_by("-pk")[: FOUND * 3]:
        results.setdefault(
            row.post_id,
            {
                "url": reverse("scheduling:post", args=[row.post_id]),
                "title": " ".join(row.text.split())[:80],
                "detail": row.get_state_display(),
                "icon": "file-text",
            },
        )
    return {"label": "Posts", "results": list(results.values())[:FOUND]}


def _people(actor: Actor, q: str) -> dict[str, Any]:
    if not q or not decide_org(actor, OrgCapability.PEOPLE):
        return {"label": "People", "results": []}
    rows = User.objects.filter(Q(full_name__icontains=q) | Q(email__icontains=q), is_active=True)
    results = [
        {
            "url": reverse("people:person", args=[user.pk]),
            "title": user.full_name,
            "detail": user.email,
            "icon": "user",
        }
        for user in rows[:FOUND]
    ]
    return {"label": "People", "results": results}

"""The record page: filters, rows that open in place, and the export of what is shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_safe

from accounts.levels import OrgCapability
from accounts.policy import decide_org
from accounts.web import actor_of, person_of
from audit.exporting import Export, data_for
from audit.forms import MACHINES, RecordFilterForm, people_called, person_label
from audit.models import Event
from audit.selectors.events import Cursor, Page, Scope, events_page
from audit.selectors.seal import seal_of
from audit.services.reading import record_read
from audit.telling import facts, told
from audit.views.scope import event_or_refuse, people_of, scope_of


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page, as templates/_components/record_row.html asks for it."""

    at: datetime
    who: str
    did: str
    what: str
    where: str
    url: str
    detail: str


@require_safe
def record(request: HttpRequest) -> HttpResponse:
    """A page of the record. Looking at it is an event, and so is a view with a wrong filter."""
    form, scope = record_form(request)
    context: dict[str, Any] = {"form": form, "machines": MACHINES, "everything": _all(scope)}
    status = 200
    if form.is_valid():
        try:
            context |= _shown(request, form, scope)
        except OperationalError:  # the search took longer than a page may
            context |= {"too_slow": True, "here": request.get_full_path()}
            status = 503
    else:
        context["meant"] = _meant(request, form)
    _note(request, form)
    return render(request, "audit/record.html", context, status=status)


@require_safe
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One event with all it holds: inside its row, or as a page of its own."""
    actor = actor_of(request)
    scope, _ = scope_of(actor)
    found = event_or_refuse(scope, event_id)
    if not request.htmx:  # type: ignore[attr-defined]  # set by middleware
        record_read(actor=actor, filters={"event": found.pk})
    data = data_for(scope, found)
    context = {
        "event": found,
        "told": told(found),
        "seal": seal_of(found),
        "facts": facts(data),
        "raw": json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True),
        "is_page": not request.htmx,  # type: ignore[attr-defined]  # set by middleware
        "may_erase": bool(decide_org(actor, OrgCapability.ERASE)),
    }
    return render(request, "audit/event.html", context)


@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Names to choose from while somebody types one."""
    scope, _ = scope_of(actor_of(request))
    who = request.GET.get("who", "").strip().replace("\x00", "")[:254]
    found = people_called(people_of(scope), who) if len(who) > 1 else []
    options = [*MACHINES, *(person_label(person) for person in found)]
    return render(request, "audit/_people.html", {"options": options})


@require_safe
def export(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """Exactly what the filters show, as CSV, from the newest line of this moment to the oldest."""
    form, scope = record_form(request)
    if not form.is_valid():
        context = {"form": form, "machines": MACHINES, "everything": _all(scope)}
        context["meant"] = _meant(request, form)
        return render(request, "audit/record.html", context, status=400)
    lines = Export(actor_of(request), scope, form.filters, "csv").begin()
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    name = f"record-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


def record_form(
    request: HttpRequest, asked: QueryDict | None = None
) -> tuple[RecordFilterForm, Scope]:
    """The filters of a request, or those `asked` instead, and what of the record they are about.

    Raises NotAllowed.
    """
    scope, accounts = scope_of(actor_of(request))
    zone = ZoneInfo(person_of(request).zone_name)
    form = RecordFilterForm(
        asked or request.GET, accounts=accounts, people=people_of(scope), zone=zone
    )
    return form, scope


def _shown(request: HttpRequest, form: RecordFilterForm, scope: Scope) -> dict[str, Any]:
    before, after = (Cursor.read(request.GET.get(name, "")) for name in ("before", "after"))
    page = events_page(scope, form.filters, before=before, after=after)
    form.data = {**dict(request.GET.items()), "who": form.who_label}
    return {
        "rows": [_row(event) for event in page.events],
        "filtered": bool(form.query),
        "life_of_account": form.filters.account,
        "life_of_person": form.filters.person if _all(scope) else None,
        "hides_readings": form.filters.hides_readings,
        "readings_url": record_url({**form.query, "readings": "on"}),
        "query": urlencode(form.query),
        "export_url": record_url(form.query, "audit:export"),
        "activity_url": record_url(form.dated, "audit:activity"),
        "beyond": before is not None or after is not None,
        "newest_url": record_url(form.query),
        **_pager(page, form.query),
    }


def _meant(request: HttpRequest, form: RecordFilterForm) -> list[tuple[str, str]]:
    """Whom an unclear name may have meant, each with the address of the same view of them."""
    asked = {k: str(value) for k, value in request.GET.items() if k in form.fields and value}
    return [(person_label(one), record_url({**asked, "who": str(one.pk)})) for one in form.found]


def _pager(page: Page, query: Mapping[str, str]) -> dict[str, str]:
    count = len(page.events)
    return {
        "newer_url": record_url({**query, "after": str(page.newer)}) if page.newer else "",
        "older_url": record_url({**query, "before": str(page.older)}) if page.older else "",
        "shown": f"{count} event{'' if count == 1 else 's'}",
    }


def _row(event: Event) -> Row:
    said = told(event, brief=True)
    url = reverse("audit:event", args=[event.pk])
    return Row(
        at=event.occurred_at,
        who=said.who,
        did=f"{said.did} {said.rest}".strip(),  # together: the end of a row may not fit
        what=said.what,
        where=said.where,
        url=url,
        # Where no script runs, the row opens to this way on.
        detail=format_html('<a href="{}">All that this line holds</a>', url),
    )


def _note(request: HttpRequest, form: RecordFilterForm) -> None:
    """Put the reading on record: what was asked for, in valid terms or as it was written."""
    if form.is_valid():
        asked = form.filters.as_data()
        paged = {k: v for k in ("before", "after") if (v := Cursor.read(request.GET.get(k, "")))}
        asked |= {key: str(value) for key, value in paged.items()}
    else:
        asked = {"not_understood": sorted(form.errors)}
    record_read(actor=actor_of(request), filters=asked)


def record_url(query: Mapping[str, str], name: str = "audit:record") -> str:
    """The address of the record, or of something else about it, with these filters."""
    return f"{reverse(name)}?{urlencode(query)}" if query else reverse(name)


def _all(scope: Scope) -> bool:
    return scope.account_ids is None

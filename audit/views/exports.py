"""Exports of the record: begun here, written by a worker, taken by their owner."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.web import actor_of
from audit.exports.files import NAMES, PROOF, TYPES, kind_of
from audit.exports.store import Store
from audit.models import RecordExport
from audit.selectors.events import Scope
from audit.selectors.exports import export_get, exports_of
from audit.services.handing import CannotKeep, export_begin, export_remove, export_take
from audit.tasks import write_exports
from audit.views.record import record_form, record_url
from audit.views.scope import scope_of

LABELS = {"csv": "CSV", "json": "JSON lines", "xlsx": "Excel workbook", "pdf": "PDF"}


@require_GET
def exports(request: HttpRequest) -> HttpResponse:
    """One's exports and how far they are; asked again while one of them is worked on."""
    actor = actor_of(request)
    scope_of(actor)
    found = exports_of(actor.id or 0)
    context = {
        "exports": [(one, LABELS[one.format], record_url(_query(one))) for one in found],
        "working": any(one.is_working for one in found),
        "is_page": not request.htmx,  # type: ignore[attr-defined]  # set by middleware
    }
    return render(request, "audit/exports.html", context)


@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin an export of what a search shows."""
    asked = QueryDict(request.POST.get("query", "")[:2_000])
    form, scope = record_form(request, asked)
    if not form.is_valid():
        messages.error(request, "Nothing was exported: these filters cannot be used.")
        return redirect("audit:record")
    query = record_url(form.dated).partition("?")[2]
    try:
        export_begin(
            actor=actor_of(request),
            scope=scope,
            filters=form.filters,
            query=query,
            format=request.POST.get("format", ""),
        )
    except CannotKeep as error:
        messages.error(request, str(error))
    else:
        # A hint: without a broker the clock's next turn finds it.
        transaction.on_commit(_hint, robust=True)
    return redirect("audit:exports")


@require_safe
def file(request: HttpRequest, export_id: UUID) -> HttpResponse | FileResponse:
    """The file of an export."""
    export = _of(request, export_id)
    kind = kind_of(export)
    return _given(request, export, NAMES[kind], TYPES[kind])


@require_safe
def proof(request: HttpRequest, export_id: UUID) -> HttpResponse | FileResponse:
    """Its proof."""
    return _given(request, _of(request, export_id), PROOF, "application/gzip")


@require_POST
def remove(request: HttpRequest, export_id: UUID) -> HttpResponse:
    """Stop an export, or remove its files."""
    export = _of(request, export_id)
    try:
        export_remove(actor=actor_of(request), export=export)
    except CannotKeep as error:
        messages.error(request, str(error))
    else:
        Store(export).remove()
        messages.success(request, "The export is removed.")
    return redirect("audit:exports")


def _hint() -> None:
    write_exports.apply_async(expires=30)


def _of(request: HttpRequest, export_id: UUID) -> RecordExport:
    """One's own export, while one sees what it holds. Raises NotAllowed, Http404."""
    actor = actor_of(request)
    scope, _ = scope_of(actor)
    export = export_get(actor.id or 0, export_id)
    if export is None or not _covers(scope, export):
        raise Http404
    return export


def _covers(scope: Scope, export: RecordExport) -> bool:
    if scope.account_ids is None:
        return True
    return export.account_ids is not None and scope.account_ids >= set(export.account_ids)


def _given(
    request: HttpRequest, export: RecordExport, name: str, content_type: str
) -> FileResponse:
    path = Store(export).folder / name
    if not export.is_ready or not path.exists():
        raise Http404
    export_take(actor=actor_of(request), export=export, what=name)
    beginning = f"{export.begun_at:%Y-%m-%d-%H%M}"
    response = FileResponse(
        path.open("rb"),  # the response closes it
        as_attachment=True,
        filename=f"{beginning}-{name}",
        content_type=content_type,
    )
    response["Cache-Control"] = "no-store"
    return response


def _query(export: RecordExport) -> dict[str, str]:
    return {name: str(value) for name, value in QueryDict(export.query).items()}

"""Trainings and policies, the levels that take them, and who lacks them; for administrators."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.errors import Invalid
from accounts.forms.conditions import LevelsForm, PolicyForm, RecordForm, TrainingForm, VersionForm
from accounts.forms.social import ReasonForm
from accounts.levels import OrgCapability
from accounts.models import PolicyDocument, Training, TrainingRecord
from accounts.policy import require_org
from accounts.selectors import conditions as selectors
from accounts.selectors.keyset import page
from accounts.services.conditions import (
    condition_set,
    policy_create,
    policy_publish,
    training_change,
    training_create,
    training_record,
    training_record_withdraw,
)
from accounts.views.common import may_change_people, require_looking, show_form, tell
from accounts.views.paging import paging
from accounts.web import actor_of, show_invalid

FORM = "accounts/conditions/form.html"
TO_READ = timedelta(days=14)
"""What is proposed as time to read, or to take a course."""


@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    require_looking(request)
    context = {
        "trainings": selectors.trainings(),
        "policies": selectors.policies(),
        "may_change": may_change_people(request),
    }
    return render(request, "accounts/conditions/overview.html", context)


@require_GET
def training(request: HttpRequest, training_id: int) -> HttpResponse:
    require_looking(request)
    found = get_object_or_404(Training, pk=training_id)
    rows = selectors.records_of_training(found)
    records = page(rows, by="person_name", cursor=request.GET.get("at", ""), size=30)
    context = {
        "training": found,
        "conditions": selectors.conditions_of(found),
        "lacking": selectors.people_lacking(found),
        "most": selectors.LACKING,
        "records": records.items,
        "may_change": may_change_people(request),
        **paging(request, records),
    }
    return render(request, "accounts/conditions/training.html", context)


@require_http_methods(["GET", "POST"])
def training_new(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    form = TrainingForm(request.POST or None)
    return _saved(
        request,
        form,
        lambda given: training_create(actor=actor_of(request), **given),
        lambda made: redirect("people:training_levels", made.pk),
        title="New training",
        button="Add the training",
    )


@require_http_methods(["GET", "POST"])
def training_edit(request: HttpRequest, training_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = get_object_or_404(Training, pk=training_id)
    initial = {"name": found.name, "purpose": found.purpose, "months": found.months}
    return _saved(
        request,
        TrainingForm(request.POST or None, initial=initial),
        lambda given: training_change(actor=actor_of(request), training=found, **given),
        lambda _: redirect("people:training", found.pk),
        title=f"Change {found.name}",
        what=found,
    )


@require_http_methods(["GET", "POST"])
def record_add(request: HttpRequest, training_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = get_object_or_404(Training, pk=training_id)
    today = timezone.localdate()
    initial = {"done_on": today, "person": request.GET.get("person", "")}
    if found.months:
        initial["last_day"] = _months_after(today, found.months)

    def save(given: dict[str, Any]) -> TrainingRecord:
        user = given.pop("person")
        return training_record(actor=actor_of(request), training=found, user=user, **given)

    def done(made: TrainingRecord) -> HttpResponse:
        tell(request, f"Recorded for {made.user}.")
        return redirect("people:training", found.pk)

    return _saved(
        request,
        RecordForm(request.POST or None, initial=initial),
        save,
        done,
        title=f"Record {found.name}",
        button="Record it",
        what=found,
    )


@require_http_methods(["GET", "POST"])
def record_withdraw(request: HttpRequest, record_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    rows = TrainingRecord.objects.select_related("training", "user")
    made = get_object_or_404(rows, pk=record_id)
    return _saved(
        request,
        ReasonForm(request.POST or None),
        lambda given: training_record_withdraw(actor=actor_of(request), made=made, **given),
        lambda _: redirect("people:training", made.training_id),
        title=f"Withdraw the record of {made.user}?",
        lead="It counts no more. If a level of theirs takes this training, it lapses at once.",
        button="Withdraw it",
        danger=True,
        what=made.training,
    )


@require_GET
def policy(request: HttpRequest, document_id: int) -> HttpResponse:
    require_looking(request)
    found = get_object_or_404(PolicyDocument, pk=document_id)
    versions = list(found.versions.select_related("published_by")[:20])
    context = {
        "document": found,
        "newest": versions[0],
        "versions": versions,
        "conditions": selectors.conditions_of(found),
        "lacking": selectors.people_lacking(found),
        "most": selectors.LACKING,
        "may_change": may_change_people(request),
    }
    return render(request, "accounts/conditions/policy.html", context)


@require_http_methods(["GET", "POST"])
def policy_new(request: HttpRequest) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    return _saved(
        request,
        PolicyForm(request.POST or None),
        lambda given: policy_create(actor=actor_of(request), **given),
        lambda made: redirect("people:policy_levels", made.document_id),
        title="New policy",
        button="Publish it",
    )


@require_http_methods(["GET", "POST"])
def policy_version(request: HttpRequest, document_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    found = get_object_or_404(PolicyDocument, pk=document_id)
    newest = selectors.newest_version(found)
    initial = {
        "text": newest.text if newest else "",
        "accept_by": timezone.localdate() + TO_READ,
    }
    return _saved(
        request,
        VersionForm(request.POST or None, initial=initial),
        lambda given: policy_publish(actor=actor_of(request), document=found, **given),
        lambda _: redirect("people:policy", found.pk),
        title=f"New version of {found.name}",
        lead="All of whom it is asked have to accept it again. What is published stays as it is.",
        button="Publish it",
        what=found,
    )


@require_http_methods(["GET", "POST"])
def training_levels(request: HttpRequest, training_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    return _levels(request, get_object_or_404(Training, pk=training_id), "people:training")


@require_http_methods(["GET", "POST"])
def policy_levels(request: HttpRequest, document_id: int) -> HttpResponse:
    require_org(actor_of(request), OrgCapability.PEOPLE)
    return _levels(request, get_object_or_404(PolicyDocument, pk=document_id), "people:policy")


def _levels(request: HttpRequest, what: Training | PolicyDocument, back: str) -> HttpResponse:
    initial = {
        "levels": [condition.level for condition in what.conditions.all()],
        "starts_on": timezone.localdate() + TO_READ,
    }
    return _saved(
        request,
        LevelsForm(request.POST or None, initial=initial),
        lambda given: condition_set(actor=actor_of(request), what=what, **given),
        lambda _: redirect(back, what.pk),
        title=f"Which levels need {what.name}?",
        lead="A level is in force only while all it needs is met. From the day on, whoever lacks "
        "this can do nothing by that level, and what they queued is held.",
        what=what,
    )


def _saved(
    request: HttpRequest,
    form: Form,
    save: Callable[[dict[str, Any]], Any],
    done: Callable[[Any], HttpResponse],
    **context: Any,
) -> HttpResponse:
    """A form's page: what was sent is saved, or shown again with what is wrong."""
    if form.is_bound and form.is_valid():
        try:
            made = save(dict(form.cleaned_data))
        except Invalid as error:
            show_invalid(form, error)
        else:
            return done(made)
    what = context.get("what")
    context["back"], context["back_label"] = reverse("people:conditions"), "Conditions"
    if what is not None:
        name = "people:training" if isinstance(what, Training) else "people:policy"
        context["back"], context["back_label"] = reverse(name, args=[what.pk]), what.name
    return show_form(request, form, FORM, **context)


def _months_after(day: Any, months: int) -> Any:
    """The same day of the month, or its last, so many months later, less one day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    for number in (day.day, 30, 29, 28):
        try:
            return day.replace(year=year, month=month + 1, day=number) - timedelta(days=1)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")

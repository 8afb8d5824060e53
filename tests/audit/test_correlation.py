"""One id leads from a request through Celery to every event it caused."""

from __future__ import annotations

import time
import uuid

import pytest
import structlog
from celery.contrib.testing.worker import start_worker
from django.db import close_old_connections, connection
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from audit.models import Event
from audit.services.reading import record_read
from socialdesk.celery import app
from tests.factories import COMMAND

QUEUE = f"tests-{uuid.uuid4().hex}"


@app.task(name="tests.read_the_record")
def read_the_record():
    try:
        record_read(actor=COMMAND, filters={"by": "worker"})
    finally:
        connection.close()


def view(request):
    record_read(actor=COMMAND, filters={"by": "page"})
    read_the_record.apply_async(queue=QUEUE)
    return HttpResponse(structlog.contextvars.get_contextvars()["request_id"])


urlpatterns = [path("healthz-probe", view)]  # where nobody has to sign in


@pytest.fixture
def worker(transactional_db):
    with start_worker(app, pool="solo", perform_ping_check=False, queues=[QUEUE]):
        yield
    close_old_connections()


def event_by(who):
    until = time.monotonic() + 15
    while time.monotonic() < until:
        found = Event.objects.filter(name="record.read", data__by=who).first()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"no event by the {who}")


@pytest.mark.urls(__name__)
def test_the_id_of_a_request_reaches_the_events_of_its_tasks(worker):
    answer = Client().get("/healthz-probe", headers={"X-Request-ID": "f" * 8})
    request_id = answer.content.decode()
    assert uuid.UUID(request_id)
    assert event_by("page").correlation_id == request_id
    assert event_by("worker").correlation_id == request_id


@pytest.mark.urls(__name__)
def test_two_requests_are_told_apart(worker):
    first, second = (Client().get("/healthz-probe").content.decode() for _ in range(2))
    assert first != second
    event_by("worker")
    until = time.monotonic() + 15
    while Event.objects.filter(data__by="worker").count() < 2 and time.monotonic() < until:
        time.sleep(0.05)
    found = Event.objects.filter(data__by="worker").values_list("correlation_id", flat=True)
    assert sorted(found) == sorted([first, second])


@pytest.mark.django_db
def test_outside_of_a_request_there_is_none():
    structlog.contextvars.clear_contextvars()
    record_read(actor=COMMAND, filters={})
    assert Event.objects.get().correlation_id == ""

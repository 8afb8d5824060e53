"""How each fault looks from outside."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from flask import Response, jsonify

from platforms.sandbox.faults import Fault, FaultKind
from platforms.sandbox.network import network

FLOOD_BYTES = 10_000_000


def _said(code: str, message: str, status: HTTPStatus) -> Response:
    response = jsonify(error=code, message=message)
    response.status_code = status
    return response


def answer_before(fault: Fault) -> Response | None:
    """What a fault answers in place of doing anything; None when the request is to be done."""
    response: Response | None = None
    match fault.kind:
        case FaultKind.REFUSE:
            response = _said(
                "content_refused",
                "This network does not take that content.",
                HTTPStatus.UNPROCESSABLE_ENTITY,
            )
        case FaultKind.RATE_LIMIT:
            response = _said(
                "rate_limited", "Too many requests; wait a while.", HTTPStatus.TOO_MANY_REQUESTS
            )
            response.headers["Retry-After"] = str(round(fault.seconds))
        case FaultKind.UNAVAILABLE:
            response = _said("unavailable", "Down for maintenance.", HTTPStatus.SERVICE_UNAVAILABLE)
        case FaultKind.UNAUTHORISED:
            response = _said(
                "unauthorised", "The access token is not good.", HTTPStatus.UNAUTHORIZED
            )
        case FaultKind.HANG:
            response = _gave_up(fault)
        case FaultKind.SLOW:
            network().wait(fault.seconds)
    return response


def answer_after(fault: Fault, response: Response) -> Response:
    """What a fault makes of the answer of a request that was done."""
    match fault.kind:
        case FaultKind.ERROR_AFTER:
            return _said(
                "internal_error", "Something went wrong here.", HTTPStatus.INTERNAL_SERVER_ERROR
            )
        case FaultKind.HANG_AFTER:
            return _gave_up(fault)
        case FaultKind.GARBLED:
            return Response("<!doctype html><title>Welcome</title><p>Please sign in to the Wi-Fi.")
        case FaultKind.FLOOD:
            return Response(_flood(), mimetype="application/json")
    return response


def _gave_up(fault: Fault) -> Response:
    network().wait(fault.seconds)
    return _said("no_answer", "No answer in time.", HTTPStatus.GATEWAY_TIMEOUT)


def _flood() -> Iterator[bytes]:
    yield b'{"padding": "'
    block = b"x" * 65_536
    for _ in range(FLOOD_BYTES // len(block) + 1):
        yield block
    yield b'"}'

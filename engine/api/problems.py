"""Which HTTP status an error becomes: the one place that maps the engine's errors to the wire."""

from __future__ import annotations

import logging
from http import HTTPStatus

import msgspec
import trio
from quart import Response
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.exceptions import NotFound as NoRoute

from engine.api.responses import empty_response, raw_response
from engine.errors import (
    Conflict,
    DeadlineExceeded,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotImplementedHere,
    NotModified,
    Unauthorized,
    Unavailable,
)
from supervisors import Refusal, ServiceUnavailable

log = logging.getLogger(__name__)

# The order of moby's httpstatus.FromError; what is not here is a 500.
STATUSES: tuple[tuple[type[Exception], HTTPStatus], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND),
    (InvalidParameter, HTTPStatus.BAD_REQUEST),
    (Conflict, HTTPStatus.CONFLICT),
    (Unauthorized, HTTPStatus.UNAUTHORIZED),
    (Unavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (ServiceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (Forbidden, HTTPStatus.FORBIDDEN),
    (NotModified, HTTPStatus.NOT_MODIFIED),
    (NotImplementedHere, HTTPStatus.NOT_IMPLEMENTED),
    (DeadlineExceeded, HTTPStatus.GATEWAY_TIMEOUT),
    (trio.TooSlowError, HTTPStatus.GATEWAY_TIMEOUT),
)


def status_and_text(error: BaseException) -> tuple[int, str]:
    """The status and the message for the client. An unexpected error is logged with its traceback."""
    cause = only_error(error)
    if isinstance(cause, NoRoute | MethodNotAllowed):
        return HTTPStatus.NOT_FOUND, "page not found"
    if isinstance(cause, HTTPException):
        return cause.code or 500, cause.description or cause.name
    for kind, status in STATUSES:
        if isinstance(cause, kind):
            return status, str(cause) or status.phrase
    if not isinstance(cause, Refusal):
        log.error("a request failed unexpectedly", exc_info=error)
    return HTTPStatus.INTERNAL_SERVER_ERROR, str(cause) or type(cause).__name__


def only_error(error: BaseException) -> BaseException:
    """Look through exception groups: a handler's nursery wraps the answer that it raises."""
    while isinstance(error, BaseExceptionGroup):
        refusals = [each for each in error.exceptions if isinstance(each, Refusal)]
        if len(error.exceptions) != 1 and len(refusals) != len(error.exceptions):
            return error
        error = error.exceptions[0]
    return error


def body_of(text: str) -> bytes:
    """The body of an error, ending in a newline as Go's encoder does."""
    return msgspec.json.encode({"message": text}) + b"\n"


def problem_response(error: BaseException) -> Response:
    """The answer to a request that raised."""
    status, text = status_and_text(error)
    if status == HTTPStatus.NOT_MODIFIED:
        return empty_response(status)
    return raw_response(body_of(text), status)

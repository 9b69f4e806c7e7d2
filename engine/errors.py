"""The engine's typed errors: each is an answer to a client, never a crash.

The kinds follow moby's errdefs. `engine.api.problems` alone maps them to HTTP statuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from supervisors import Refusal


class EngineError(Refusal):
    """An error with a text that Docker clients may match; spares the service that raises it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class InvalidParameter(EngineError):
    """The request cannot be right (400)."""


class Unauthorized(EngineError):
    """The credentials were refused (401)."""


class Forbidden(EngineError):
    """The request is understood and not allowed (403)."""


class NotFound(EngineError):
    """What the request names does not exist (404)."""


class Conflict(EngineError):
    """The state of the object does not allow the request (409)."""


class NotModified(EngineError):
    """The object is already in the state asked for (304)."""


class NotImplementedHere(EngineError):
    """The operation exists in the Engine API, not in this engine (501)."""


class Unavailable(EngineError):
    """A part that the request needs is away; the text names it (503)."""


class DeadlineExceeded(EngineError):
    """An outside call did not answer in its time (504)."""


class SystemFailure(EngineError):
    """The host refused something that should work (500)."""


@contextmanager
def prefixed(text: str) -> Iterator[None]:
    """Put words before the text of an error that passes; its kind stays."""
    try:
        yield
    except EngineError as error:
        raise type(error)(text + error.message) from error

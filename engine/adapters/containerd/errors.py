"""Translates gRPC statuses into the engine's errors, the texts as containerd wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.exceptions import ProtocolError

from engine.adapters.containerd.channel import Stream
from engine.errors import (
    Conflict,
    DeadlineExceeded,
    EngineError,
    Forbidden,
    InvalidParameter,
    NotFound,
    NotImplementedHere,
    SystemFailure,
    Unauthorized,
    Unavailable,
)


class AlreadyExists(Conflict):
    """The object that was to be made is there."""


class FailedPrecondition(Conflict):
    """The object's state does not allow the call: a running task, a snapshot with children."""


class OutOfRange(InvalidParameter):
    """An offset beyond the end."""


KINDS: dict[Status, type[EngineError]] = {
    Status.NOT_FOUND: NotFound,
    Status.ALREADY_EXISTS: AlreadyExists,
    Status.FAILED_PRECONDITION: FailedPrecondition,
    Status.INVALID_ARGUMENT: InvalidParameter,
    Status.OUT_OF_RANGE: OutOfRange,
    Status.UNAVAILABLE: Unavailable,
    Status.CANCELLED: Unavailable,
    Status.DEADLINE_EXCEEDED: DeadlineExceeded,
    Status.UNIMPLEMENTED: NotImplementedHere,
    Status.PERMISSION_DENIED: Forbidden,
    Status.UNAUTHENTICATED: Unauthorized,
}


# What containerd and its shim send as UNKNOWN although they know better.
TEXTS: tuple[tuple[str, type[EngineError]], ...] = (
    ("context deadline exceeded", DeadlineExceeded),
    ("cannot delete a running process", FailedPrecondition),
    ("process already finished", NotFound),
)


def translate(error: GRPCError) -> EngineError:
    """The engine's error for a status; runc's failures come as UNKNOWN and are SystemFailures."""
    kind = KINDS.get(error.status, SystemFailure)
    text = error.message or f"containerd answered {error.status.name}"
    if error.status is Status.UNKNOWN:
        kind = next((known for part, known in TEXTS if part in text), kind)
    return kind(text)


@contextmanager
def translated(stream: Stream | None = None) -> Iterator[None]:
    """Raise engine errors from the body. A stream cut off after its status raises the status."""
    try:
        yield
    except GRPCError as error:
        raise translate(error) from error
    except (StreamTerminatedError, ProtocolError) as error:
        if stream is not None:
            raise_status(stream)
        raise Unavailable(f"containerd: {error}") from error


def raise_status(stream: Stream) -> None:
    """Raise the failure that the server has reported on the stream, if it has."""
    try:
        stream._maybe_raise()
    except GRPCError as error:
        raise translate(error) from error

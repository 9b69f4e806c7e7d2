from __future__ import annotations

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError

from engine import errors
from engine.adapters.containerd.errors import (
    AlreadyExists,
    FailedPrecondition,
    OutOfRange,
    translate,
    translated,
)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (Status.NOT_FOUND, errors.NotFound),
        (Status.ALREADY_EXISTS, AlreadyExists),
        (Status.FAILED_PRECONDITION, FailedPrecondition),
        (Status.INVALID_ARGUMENT, errors.InvalidParameter),
        (Status.OUT_OF_RANGE, OutOfRange),
        (Status.UNAVAILABLE, errors.Unavailable),
        (Status.DEADLINE_EXCEEDED, errors.DeadlineExceeded),
        (Status.UNIMPLEMENTED, errors.NotImplementedHere),
        (Status.UNKNOWN, errors.SystemFailure),
        (Status.INTERNAL, errors.SystemFailure),
    ],
)
def test_each_status_has_its_error_and_keeps_its_text(
    status: Status, kind: type[errors.EngineError]
) -> None:
    error = translate(GRPCError(status, 'container "x" in namespace "y": not found'))
    assert type(error) is kind
    assert error.message == 'container "x" in namespace "y": not found'


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("context deadline exceeded: unknown", errors.DeadlineExceeded),
        ("failed to delete task: cannot delete a running process: unknown", FailedPrecondition),
        ("OCI runtime create failed: no such file: unknown", errors.SystemFailure),
    ],
)
def test_text_decides_where_the_status_says_unknown(
    text: str, kind: type[errors.EngineError]
) -> None:
    assert type(translate(GRPCError(Status.UNKNOWN, text))) is kind


def test_existing_object_and_wrong_state_are_conflicts() -> None:
    assert issubclass(AlreadyExists, errors.Conflict)
    assert issubclass(FailedPrecondition, errors.Conflict)


def test_status_without_text_is_named() -> None:
    assert "INTERNAL" in translate(GRPCError(Status.INTERNAL)).message


def test_lost_stream_is_unavailable_and_names_containerd() -> None:
    with pytest.raises(errors.Unavailable, match="containerd: Connection lost"), translated():
        raise StreamTerminatedError("Connection lost")

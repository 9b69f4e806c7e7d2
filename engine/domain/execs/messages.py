"""What the execs room's mailbox accepts."""

from __future__ import annotations

import msgspec

from supervisors import Request


class StartExec(Request[None], msgspec.Struct):
    """Start the process; its streams are attached to before."""

    exec_id: str


class ExecExited(msgspec.Struct):
    """A process that is not a container's first has ended."""

    container_id: str
    exec_id: str
    pid: int
    exit_code: int
    exited_ns: int


class Compare(msgspec.Struct):
    """The exit may have been missed: look at the process."""

    exec_id: str


ExecMessage = StartExec | ExecExited | Compare

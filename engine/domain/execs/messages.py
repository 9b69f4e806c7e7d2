"""What the execs room's mailbox accepts."""

from __future__ import annotations

import msgspec

from supervisors import Request


class StartExec(Request[None], msgspec.Struct):
    """Start the process; its streams are attached to before."""

    exec_id: str
    tty: bool = False


class ExecExited(msgspec.Struct):
    """A process that is not a container's first has ended."""

    container_id: str
    exec_id: str
    pid: int
    exit_code: int
    exited_ns: int


class ContainerEnded(msgspec.Struct):
    """All processes of a container are gone, whether or not their exits were told."""

    container_id: str


ExecMessage = StartExec | ExecExited | ContainerEnded

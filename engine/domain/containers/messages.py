"""What a container's mailbox and the room's mailbox accept."""

from __future__ import annotations

import msgspec

from engine.models.containers import CreateRequest, UpdateRequest
from engine.models.networks import EndpointSettings
from supervisors import Request


class Create(Request[tuple[str, list[str]]], msgspec.Struct):
    """Make a container; the reply is its ID and the warnings."""

    request: CreateRequest
    name: str
    platform: str = ""
    version: tuple[int, ...] = (1, 51)


class Start(Request[None], msgspec.Struct):
    """`checkpoint` is the directory of one to start from."""

    checkpoint: str = ""


class Stop(Request[None], msgspec.Struct):
    """`timeout` in seconds, None: the container's own; `signal` None: the container's own.

    `unasked`: no user wants the end, so restart policies go on to hold. `by` is who asks, for the record.
    """

    timeout: int | None = None
    signal: int | None = None
    unasked: bool = False
    by: str = ""


class Restart(Request[None], msgspec.Struct):
    timeout: int | None = None
    signal: int | None = None
    by: str = ""


class Kill(Request[None], msgspec.Struct):
    signal: int
    by: str = ""


class Remove(Request[None], msgspec.Struct):
    force: bool = False
    volumes: bool = False
    by: str = ""


class Resize(Request[None], msgspec.Struct):
    height: int
    width: int


class Connect(Request[None], msgspec.Struct):
    """One more network, by name or ID."""

    network: str
    settings: EndpointSettings


class Disconnect(Request[None], msgspec.Struct):
    network: str


class Pause(Request[None], msgspec.Struct):
    pass


class Unpause(Request[None], msgspec.Struct):
    pass


class Rename(Request[None], msgspec.Struct):
    name: str


class Unlink(Request[None], msgspec.Struct):
    """Take away the link of this alias."""

    alias: str


class Update(Request[list[str]], msgspec.Struct):
    """Change limits and the restart policy; the reply is the warnings."""

    request: UpdateRequest


class Again(Request[None], msgspec.Struct):
    """The restart is due; `boot`: after the daemon's start, also of a container that has exited."""

    boot: bool = False


class Unhealthy(msgspec.Struct):
    """The run of this generation has turned unhealthy."""

    generation: int


class Exited(msgspec.Struct):
    """The init process has ended, as containerd's event or a look at the task says."""

    pid: int
    exit_code: int
    exited_ns: int
    oom: bool = False
    reconciled: bool = False


class OutOfMemory(msgspec.Struct):
    """The kernel killed a process of the container for its memory."""


class Reconcile(msgspec.Struct):
    """Events may have been missed: compare the record with containerd's task."""


CellMessage = (
    Start
    | Stop
    | Restart
    | Kill
    | Remove
    | Resize
    | Connect
    | Disconnect
    | Pause
    | Unpause
    | Rename
    | Update
    | Unlink
    | Again
    | Unhealthy
    | Exited
    | OutOfMemory
    | Reconcile
)
RoomMessage = Create

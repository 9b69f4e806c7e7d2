"""containerd's event stream, its task events decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from engine.adapters.containerd.calls import Calls, MessageStream
from engine.adapters.containerd.gen import events_grpc, events_pb2, task_events_pb2
from engine.adapters.containerd.records import ns


class TaskCreate(msgspec.Struct, frozen=True):
    container_id: str
    pid: int
    bundle: str


class TaskStart(msgspec.Struct, frozen=True):
    container_id: str
    pid: int


class TaskExit(msgspec.Struct, frozen=True):
    """The end of a process; `id` is the exec's, or the container's for its first process."""

    container_id: str
    id: str
    pid: int
    exit_status: int
    exited_at_ns: int


class TaskDelete(msgspec.Struct, frozen=True):
    """`id` is empty for the task itself."""

    container_id: str
    id: str
    pid: int
    exit_status: int
    exited_at_ns: int


class TaskOOM(msgspec.Struct, frozen=True):
    container_id: str


class TaskExecAdded(msgspec.Struct, frozen=True):
    container_id: str
    exec_id: str


class TaskExecStarted(msgspec.Struct, frozen=True):
    container_id: str
    exec_id: str
    pid: int


class TaskPaused(msgspec.Struct, frozen=True):
    container_id: str


class TaskResumed(msgspec.Struct, frozen=True):
    container_id: str


class TaskCheckpointed(msgspec.Struct, frozen=True):
    container_id: str
    checkpoint: str


Payload = (
    TaskCreate
    | TaskStart
    | TaskExit
    | TaskDelete
    | TaskOOM
    | TaskExecAdded
    | TaskExecStarted
    | TaskPaused
    | TaskResumed
    | TaskCheckpointed
    | bytes
)

KINDS: tuple[type[msgspec.Struct], ...] = (
    TaskCreate,
    TaskStart,
    TaskExit,
    TaskDelete,
    TaskOOM,
    TaskExecAdded,
    TaskExecStarted,
    TaskPaused,
    TaskResumed,
    TaskCheckpointed,
)


def _decoder(kind: type[msgspec.Struct]) -> Callable[[bytes], Any]:
    """Our structs carry the messages' field names; times become nanoseconds."""
    message_type = getattr(task_events_pb2, kind.__name__)

    def decode(data: bytes) -> Any:
        message = message_type.FromString(data)
        return kind(
            *(
                ns(message.exited_at) if name == "exited_at_ns" else getattr(message, name)
                for name in kind.__struct_fields__
            )
        )

    return decode


DECODERS = {f"containerd.events.{kind.__name__}": _decoder(kind) for kind in KINDS}


class Event(msgspec.Struct, frozen=True):
    """One event; the payload of a type that is not decoded stays bytes."""

    timestamp_ns: int
    namespace: str
    topic: str
    type_url: str
    payload: Payload


def event(envelope: events_pb2.Envelope) -> Event:
    url = envelope.event.type_url
    decode = DECODERS.get(url, bytes)
    return Event(
        ns(envelope.timestamp),
        envelope.namespace,
        envelope.topic,
        url,
        decode(envelope.event.value),
    )


class Events:
    """A subscription: `async with containerd.events() as events: async for event in events`.

    It ends with Unavailable when containerd goes away. containerd doesn't confirm a subscription,
    so what happened before the first event is learned by listing, not from the stream.
    """

    def __init__(self, calls: Calls, filters: tuple[str, ...], *, everywhere: bool) -> None:
        self._calls = calls
        scope = "" if everywhere else f'namespace=="{calls.namespace}"'
        self._filters = [",".join(filter(None, (scope, one))) for one in filters or ("",)]
        self._messages: MessageStream[events_pb2.Envelope] | None = None

    async def __aenter__(self) -> Events:
        stub = events_grpc.EventsStub(self._calls.channel)
        request = events_pb2.SubscribeRequest(filters=[one for one in self._filters if one])
        self._messages = await self._calls.stream(stub.Subscribe, request, idle_limit=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._messages is not None
        self._messages.close()

    def __aiter__(self) -> Events:
        return self

    async def __anext__(self) -> Event:
        assert self._messages is not None
        return event(await self._messages.__anext__())

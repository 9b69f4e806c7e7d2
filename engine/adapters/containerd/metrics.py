"""Reads the resource usage that `tasks.metrics` returns."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from engine.adapters.containerd.gen import cgroups1_pb2, cgroups2_pb2
from engine.errors import NotImplementedHere

KINDS: dict[str, tuple[int, type[Message]]] = {
    "io.containerd.cgroups.v1.Metrics": (1, cgroups1_pb2.Metrics),
    "io.containerd.cgroups.v2.Metrics": (2, cgroups2_pb2.Metrics),
}


def decode(type_url: str, data: bytes) -> tuple[int, dict[str, Any]]:
    """The cgroup version, and the metrics as nested dicts under the messages' field names.

    A field without presence is always there (0, "" or []); a part that the shim left out is not.
    """
    try:
        version, kind = KINDS[type_url]
    except KeyError:
        raise NotImplementedHere(f"metrics of type {type_url}") from None
    return version, _plain(kind.FromString(data))


def _plain(message: Message) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is None:
            values[field.name] = list(value) if field.is_repeated else value
        elif field.is_repeated:
            values[field.name] = [_plain(item) for item in value]
        elif message.HasField(field.name):
            values[field.name] = _plain(value)
    return values

from __future__ import annotations

from google.protobuf.any_pb2 import Any
from google.protobuf.timestamp_pb2 import Timestamp

from engine.adapters.containerd.events import KINDS, TaskDelete, TaskExit, TaskOOM, event
from engine.adapters.containerd.gen import events_pb2, task_events_pb2


def envelope(url: str, data: bytes) -> events_pb2.Envelope:
    return events_pb2.Envelope(
        timestamp=Timestamp(seconds=9),
        namespace="n",
        topic="/tasks/x",
        event=Any(type_url=url, value=data),
    )


def test_exit_is_decoded_with_its_time_in_nanoseconds() -> None:
    message = task_events_pb2.TaskExit(
        container_id="c", id="e", pid=4, exit_status=137, exited_at=Timestamp(seconds=1, nanos=5)
    )
    decoded = event(envelope("containerd.events.TaskExit", message.SerializeToString()))
    assert decoded.payload == TaskExit("c", "e", 4, 137, 1_000_000_005)
    assert (decoded.timestamp_ns, decoded.namespace, decoded.topic) == (
        9_000_000_000,
        "n",
        "/tasks/x",
    )


def test_fields_are_matched_by_name_not_by_number() -> None:
    message = task_events_pb2.TaskDelete(container_id="c", pid=1, exit_status=2, id="e")
    decoded = event(envelope("containerd.events.TaskDelete", message.SerializeToString()))
    assert decoded.payload == TaskDelete("c", "e", 1, 2, 0)


def test_every_kind_decodes_an_empty_message() -> None:
    for kind in KINDS:
        assert isinstance(event(envelope(f"containerd.events.{kind.__name__}", b"")).payload, kind)
    assert TaskOOM in KINDS


def test_unknown_payload_stays_bytes() -> None:
    assert event(envelope("containerd.events.ImageCreate", b"\x0a\x01x")).payload == b"\x0a\x01x"

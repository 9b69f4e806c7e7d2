from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from engine.adapters.logsinks import open_sink
from engine.domain.logs.ports import Destination, Line
from tests.engine.adapters.logsinks.receivers import LIMIT, NS, Server, destination, lines
from tests.engine.domain.logs.records import ID

decode = msgspec.msgpack.decode
encode = msgspec.msgpack.encode


async def sent(server: Server, where: Destination, messages: list[Line]) -> Any:
    """What arrives at a forward input."""
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: server.serve(task_status=task_status))
        sink = open_sink(where)
        await sink.connect()
        encoded = sink.encode(messages)
        await sink.send(encoded)
        with trio.fail_after(LIMIT):
            while len(server.data) < len(encoded[0]):  # noqa: ASYNC110 (another socket's end)
                await trio.sleep(0.01)
        sink.close()
        nursery.cancel_scope.cancel()
    return decode(server.data)


async def test_lines_are_entries_of_one_forward_message() -> None:
    server = Server()
    where = destination(
        "fluentd", fluentd_address=f"127.0.0.1:{server.port}", tag="docker.{{.Name}}", labels="app"
    )
    tag, entries, option = await sent(
        server, where, [*lines("one"), *lines("two", stream="stderr")]
    )
    record = {"container_id": ID, "container_name": "/web", "app": "shop"}
    assert tag == "docker.web"
    assert entries == [
        [NS // 10**9, {**record, "source": "stdout", "log": "one"}],
        [NS // 10**9, {**record, "source": "stderr", "log": "two"}],
    ]
    assert option == {"size": 2}


async def test_times_may_be_precise_and_parts_are_told(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    where = destination(
        "fluentd", fluentd_address=f"unix://{path}", fluentd_sub_second_precision="true"
    )
    parts = [Line("a", "stdout", NS, True, True, 1), Line("b", "stdout", NS, True, False, 2)]
    _, entries, _ = await sent(Server(path), where, parts)
    assert entries[0][0] == msgspec.msgpack.Ext(0, struct.pack(">II", *divmod(NS, 10**9)))
    first, second = (record for _, record in entries)
    assert first["partial_message"] == second["partial_message"] == "true"
    assert first["partial_id"] == second["partial_id"] != ""
    assert [each["partial_ordinal"] for each in (first, second)] == ["1", "2"]
    assert [each["partial_last"] for each in (first, second)] == ["false", "true"]


def acknowledging(data: bytes) -> Iterable[bytes]:
    answer = encode({"ack": decode(data)[2]["chunk"]})
    return answer[:5], answer[5:]


async def test_acknowledgement_is_waited_for() -> None:
    server = Server(answers=acknowledging)
    where = destination(
        "fluentd", fluentd_address=f"tcp://127.0.0.1:{server.port}", fluentd_request_ack="true"
    )
    _, _, option = await sent(server, where, lines("one"))
    assert len(option["chunk"]) == 24


async def test_acknowledgement_of_something_else_is_an_error() -> None:
    server = Server(answers=lambda data: [encode({"ack": "other"})])
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: server.serve(task_status=task_status))
        sink = open_sink(
            destination(
                "fluentd",
                fluentd_address=f"tcp://127.0.0.1:{server.port}",
                fluentd_request_ack="1",
            )
        )
        await sink.connect()
        with pytest.raises(OSError, match="of another message"):
            await sink.send(sink.encode(lines("one")))
        sink.close()
        nursery.cancel_scope.cancel()

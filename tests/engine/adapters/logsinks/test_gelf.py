from __future__ import annotations

import gzip
import json
import os
import socket
import zlib
from typing import Any

import pytest
import trio

from engine.adapters.logsinks import open_sink
from engine.adapters.logsinks.gelf import CHUNK, chunked
from tests.engine.adapters.logsinks.receivers import (
    LIMIT,
    Server,
    destination,
    lines,
    port_of,
    received,
    udp,
)
from tests.engine.domain.logs.records import ID


def joined(datagrams: list[bytes]) -> bytes:
    """As a GELF input does it."""
    parts: dict[int, bytes] = {}
    for each in datagrams:
        assert each[:2] == b"\x1e\x0f"
        assert each[2:10] == datagrams[0][2:10]
        assert each[11] == len(datagrams)
        assert len(each) <= CHUNK
        parts[each[10]] = each[12:]
    return b"".join(parts[number] for number in range(len(datagrams)))


def unpacked(data: bytes) -> Any:
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    elif data[:1] == b"\x78":
        data = zlib.decompress(data)
    return json.loads(data)


@pytest.mark.parametrize(
    ("kind", "magic"), [("gzip", b"\x1f\x8b"), ("zlib", b"\x78"), ("none", b"{")]
)
async def test_message_over_udp_is_compressed_as_asked(kind: str, magic: bytes) -> None:
    with udp() as receiver:
        sink = open_sink(
            destination(
                "gelf",
                gelf_address=f"udp://127.0.0.1:{port_of(receiver)}",
                gelf_compression_type=kind,
                labels="app",
                env="STAGE",
            )
        )
        await sink.connect()
        await sink.send(sink.encode(lines("oops", stream="stderr")))
        sink.close()
        (data,) = received(receiver, 1)
    assert data.startswith(magic)
    assert unpacked(data) == {
        "version": "1.1",
        "host": socket.gethostname(),
        "short_message": "oops",
        "timestamp": 1700000000.123,
        "level": 3,
        "_container_id": ID,
        "_container_name": "web",
        "_image_id": "sha256:" + "c" * 64,
        "_image_name": "busybox",
        "_command": "sh -c true",
        "_tag": ID[:12],
        "_created": "2023-11-14T22:13:20Z",
        "_app": "shop",
        "_STAGE": "prod",
    }


async def test_large_message_is_sent_in_chunks() -> None:
    text = os.urandom(5000).hex()
    with udp() as receiver:
        sink = open_sink(destination("gelf", gelf_address=f"udp://127.0.0.1:{port_of(receiver)}"))
        await sink.connect()
        messages = sink.encode(lines(text))
        assert len(messages) > 1
        await sink.send(messages)
        sink.close()
        assert unpacked(joined(received(receiver, len(messages))))["short_message"] == text


def test_no_message_has_more_chunks_than_receivers_take() -> None:
    assert len(chunked(b"x" * 1_000_000)) == 128
    assert chunked(b"x" * CHUNK) == [b"x" * CHUNK]


async def test_messages_over_tcp_end_with_zero_bytes() -> None:
    server = Server()
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: server.serve(task_status=task_status))
        sink = open_sink(destination("gelf", gelf_address=f"tcp://127.0.0.1:{server.port}"))
        await sink.connect()
        await sink.send(sink.encode(lines("one", "two")))
        with trio.fail_after(LIMIT):
            while server.data.count(b"\0") < 2:  # noqa: ASYNC110 (another socket's end)
                await trio.sleep(0.01)
        sink.close()
        nursery.cancel_scope.cancel()
    messages = server.data.split(b"\0")
    assert messages.pop() == b""
    assert [json.loads(each)["short_message"] for each in messages] == ["one", "two"]
    assert json.loads(messages[0])["level"] == 6

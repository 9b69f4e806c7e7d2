from __future__ import annotations

import struct
from pathlib import Path

import pytest

from engine.adapters.logsinks import open_sink
from engine.adapters.logsinks.journald import field, field_name
from engine.domain.logs.ports import Line
from tests.engine.adapters.logsinks.receivers import (
    NS,
    destination,
    lines,
    received,
    unixgram,
)
from tests.engine.domain.logs.records import ID


def entry(data: bytes) -> dict[str, str]:
    """A datagram of journald's native protocol, read as journald reads it."""
    found = {}
    while data:
        line, _, rest = data.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            (length,) = struct.unpack_from("<Q", rest)
            value, rest = rest[8 : 8 + length], rest[8 + length :]
            assert rest[:1] == b"\n"
            rest = rest[1:]
        found[name.decode()] = value.decode()
        data = rest
    return found


async def test_entries_have_dockerds_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "socket")
    monkeypatch.setattr("engine.adapters.logsinks.journald.SOCKET", path)
    with unixgram(path) as receiver:
        sink = open_sink(destination("journald", labels="app", env="STAGE", tag="{{.Name}}"))
        await sink.connect()
        part = Line("part", "stdout", NS, partial=True, more=True, ordinal=1)
        await sink.send(sink.encode([*lines("=oops", stream="stderr"), part]))
        sink.close()
        first, second = map(entry, received(receiver, 2))
    assert first == {
        "MESSAGE": "=oops",
        "PRIORITY": "3",
        "CONTAINER_ID": ID[:12],
        "CONTAINER_ID_FULL": ID,
        "CONTAINER_NAME": "web",
        "CONTAINER_TAG": "web",
        "SYSLOG_IDENTIFIER": "web",
        "IMAGE_NAME": "busybox",
        "APP": "shop",
        "STAGE": "prod",
        "SYSLOG_TIMESTAMP": "1700000000.123456",
    }
    assert (second["PRIORITY"], second["CONTAINER_PARTIAL_MESSAGE"]) == ("6", "true")


def test_value_with_a_newline_goes_with_its_length() -> None:
    assert entry(field("A", "x\ny") + field("B", "")) == {"A": "x\ny", "B": ""}


def test_names_are_what_journald_takes() -> None:
    assert [field_name(each) for each in ("_com.example-x", "é1", "__")] == [
        "COM_EXAMPLE_X",
        "1",
        "",
    ]

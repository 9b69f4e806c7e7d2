from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

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


JOURNALD = "/lib/systemd/systemd-journald"


@pytest.fixture
def journal() -> Iterator[str]:
    """The name of a journal of the test's own, kept by a real journald."""
    if os.geteuid() != 0 or not os.path.exists(JOURNALD) or shutil.which("journalctl") is None:
        pytest.skip("needs root and systemd's journald")
    name = f"trimaran{os.getpid()}"
    journald = subprocess.Popen(
        [JOURNALD, name], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while not os.path.exists(f"/run/systemd/journal.{name}/socket"):
            if journald.poll() is not None or time.monotonic() > deadline:
                pytest.skip("journald does not run here")
            time.sleep(0.02)
        yield name
    finally:
        journald.terminate()
        journald.wait(20)
        shutil.rmtree(f"/run/systemd/journal.{name}", ignore_errors=True)
        for parent in (Path("/var/log/journal"), Path("/run/log/journal")):
            for directory in parent.glob(f"*.{name}"):
                shutil.rmtree(directory, ignore_errors=True)


def entries(journal: str) -> list[dict[str, str]]:
    """What a real journalctl shows of the container's."""
    command = [
        "journalctl",
        f"--namespace={journal}",
        "-o",
        "json",
        "--no-pager",
        "CONTAINER_NAME=web",
    ]
    done = subprocess.run(command, capture_output=True, check=False, timeout=20)
    return [json.loads(line) for line in done.stdout.splitlines()]


async def test_real_journald_understands_the_entries(
    journal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/run/systemd/journal.{journal}/socket"
    monkeypatch.setattr("engine.adapters.logsinks.journald.SOCKET", path)
    sink = open_sink(destination("journald", labels="app"))
    await sink.connect()
    await sink.send(sink.encode([*lines("one", "t=w\to"), *lines("oops", stream="stderr")]))
    sink.close()
    found: list[dict[str, str]] = []
    with trio.fail_after(20):
        while len(found) < 3:
            found = await trio.to_thread.run_sync(entries, journal)
    assert [each["MESSAGE"] for each in found] == ["one", "t=w\to", "oops"]
    assert [each["PRIORITY"] for each in found] == ["6", "6", "3"]
    assert {each["CONTAINER_ID_FULL"] for each in found} == {ID}
    assert {each["APP"] for each in found} == {"shop"}

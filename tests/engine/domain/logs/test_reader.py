"""Reading back what the writer wrote: tails, filters, rotation, followers."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from engine.domain.logs.decoder import Selection
from engine.domain.logs.jsonfile import Held, LineAssembler
from engine.domain.logs.options import JsonFileOptions
from engine.domain.logs.reader import LogStream
from engine.domain.logs.writer import JsonFileLog
from engine.domain.streams.frames import Demultiplexer

NOW = 1_795_491_946_800_000_000


def records(text: bytes, stream: str = "stdout", ns: int = NOW) -> bytes:
    return LineAssembler(stream).feed(Held(), text, ns)[0]


async def read(log: JsonFileLog | str, **selection: object) -> bytes:
    async with LogStream(log, Selection(**selection), tty=True) as stream:  # type: ignore[arg-type]
        return b"".join([piece async for piece in stream])


async def test_streams_are_framed_line_by_line(tmp_path: Path) -> None:
    log = JsonFileLog(str(tmp_path / "x-json.log"))
    await log.append(records(b"one\ntwo\n"))
    await log.append(records(b"bad\n", "stderr"))
    async with LogStream(log, Selection()) as stream:
        pieces = [piece async for piece in stream]
    assert b"".join(pieces) == (b"\1\0\0\0\0\0\0\4one\n\1\0\0\0\0\0\0\4two\n\2\0\0\0\0\0\0\4bad\n")
    assert await read(log, stderr=False) == b"one\ntwo\n"
    await log.close()
    assert await read(log.path, stdout=False) == b"bad\n"


async def test_timestamps_and_details_precede_the_line(tmp_path: Path) -> None:
    path = tmp_path / "x-json.log"
    assembler = LineAssembler("stdout", {"z": "1 2", "a": 'x,y=<"é'})
    path.write_bytes(assembler.feed(Held(), b"hi\n", NOW)[0])
    stamp = b"2026-11-24T03:45:46.800000000Z "
    assert await read(str(path), timestamps=True) == stamp + b"hi\n"
    details = b"a=x%2Cy%3D%3C%22%C3%A9,z=1+2 "
    assert await read(str(path), details=True) == details + b"hi\n"
    assert await read(str(path), details=True, timestamps=True) == stamp + details + b"hi\n"


async def test_since_and_until_include_their_ends(tmp_path: Path) -> None:
    path = tmp_path / "x-json.log"
    path.write_bytes(b"".join(records(b"%d\n" % i, ns=NOW + i) for i in range(6)))
    assert await read(str(path), since_ns=NOW + 2, until_ns=NOW + 4) == b"2\n3\n4\n"


async def test_damaged_records_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "x-json.log"
    good = records(b"good\n")
    path.write_bytes(
        good + b"\0\0garbage\n" + b'{"log":"\xff\n{"stream":"stdout"}\n\n' + good + b'{"log"'
    )
    assert await read(str(path)) == b"good\n" * 2
    path.write_bytes(b"\0" * 600_000 + b"\n" + good)
    assert await read(str(path)) == b"good\n"


async def test_missing_log_reads_as_empty(tmp_path: Path) -> None:
    assert await read(str(tmp_path / "none.log"), tail=4) == b""


async def rotated(path: Path, lines: list[bytes], **options: object) -> JsonFileLog:
    log = JsonFileLog(str(path), JsonFileOptions(**options))  # type: ignore[arg-type]
    for line in lines:
        await log.append(records(line))
    return log


@pytest.mark.parametrize("compress", [False, True])
async def test_tail_reaches_back_over_rotated_files(tmp_path: Path, compress: bool) -> None:
    lines = [b"line %d\n" % i for i in range(60)]
    log = await rotated(tmp_path / "l", lines, max_size=1000, max_file=3, compress=compress)
    whole = await read(log)
    assert b"".join(lines).endswith(whole)
    kept = whole.count(b"\n")
    assert 30 < kept < 60
    for tail in [*range(25), kept - 1, kept, kept + 1, 100]:
        expected = b"".join(whole.splitlines(keepends=True)[-tail:]) if tail else b""
        assert await read(log, tail=tail) == expected, tail
    await log.close()


@given(st.integers(0, 4000), st.integers(1, 400))
async def test_tail_of_a_long_file_is_found_backwards(
    tmp_path_factory: pytest.TempPathFactory, tail: int, width: int
) -> None:
    path = tmp_path_factory.mktemp("tail") / "x-json.log"
    lines = [b"%0*d\n" % (width, i) for i in range(3000)]
    path.write_bytes(records(b"".join(lines)))
    assert await read(str(path), tail=tail) == b"".join(lines[max(0, 3000 - tail) :])


async def test_reader_without_follow_ends_where_the_log_ended_when_it_began(
    tmp_path: Path,
) -> None:
    log = await rotated(tmp_path / "l", [b"one\n"])
    async with LogStream(log, Selection(), tty=True) as stream:
        await log.append(records(b"two\n"))
        assert [piece async for piece in stream] == [b"one\n"]
    await log.close()


async def test_follower_gets_news_and_ends_with_the_log(tmp_path: Path) -> None:
    log = await rotated(tmp_path / "l", [b"one\n", b"two\n"])
    got: list[bytes] = []

    async def follow() -> None:
        async with LogStream(log, Selection(follow=True, tail=1), tty=True) as stream:
            async for piece in stream:
                got.append(piece)  # noqa: PERF401 - looked at meanwhile

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        while not got:  # worker threads look for the tail
            await trio.lowlevel.checkpoint()
        assert got == [b"two\n"]
        await wait_all_tasks_blocked()
        await log.append(records(b"three\n"))
        await wait_all_tasks_blocked()
        assert got == [b"two\n", b"three\n"]
        await log.append(records(b"four\n"))
        await log.close()
    assert got[2:] == [b"four\n"]
    assert not log.followers


async def test_follower_gives_up_at_its_until(
    tmp_path: Path, autojump_clock: trio.abc.Clock
) -> None:
    log = await rotated(tmp_path / "l", [b"one\n"])
    assert await read(log, follow=True, until_ns=2 * NOW) == b"one\n"
    await log.close()


async def test_follower_starts_again_when_the_file_is_truncated(tmp_path: Path) -> None:
    log = await rotated(tmp_path / "l", [b"one\n"])
    async with LogStream(log, Selection(follow=True), tty=True) as stream:
        assert await stream.__anext__() == b"one\n"
        os.truncate(log.path, 0)
        await log.append(records(b"2\n"))
        assert await stream.__anext__() == b"2\n"
    await log.close()


@pytest.mark.parametrize("max_file", [1, 3])
async def test_follower_loses_and_repeats_nothing_over_rotations(
    tmp_path: Path, max_file: int
) -> None:
    log = JsonFileLog(str(tmp_path / "l"), JsonFileOptions(max_size=5000, max_file=max_file))
    lines = [b"line %d\n" % i for i in range(3000)]
    got: list[bytes] = []
    chance = random.Random(4)

    async def follow() -> None:
        async with LogStream(log, Selection(follow=True)) as stream:
            demultiplexer = Demultiplexer()
            async for piece in stream:
                got.extend(data for _, data in demultiplexer.feed(piece))
            assert stream._files.skipped == 0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        await wait_all_tasks_blocked()
        rest = lines
        while rest:
            count = chance.randrange(1, 150)
            await log.append(records(b"".join(rest[:count])))
            rest = rest[count:]
            for _ in range(chance.randrange(20)):
                await trio.lowlevel.checkpoint()
        await log.close()
    assert got == lines

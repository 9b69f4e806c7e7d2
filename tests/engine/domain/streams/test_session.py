from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engine.domain.logs.jsonfile import LineAssembler
from engine.domain.logs.writer import JsonFileLog
from engine.domain.streams.session import (
    CONNECT_LIMIT,
    LAST_BYTES,
    MOST_CRASHES,
    CopierService,
    ProcessStreams,
    StreamPaths,
)
from engine.errors import DeadlineExceeded
from tests.fakes.host import FakeHolder


class Rig:
    """A process's streams, and the process's ends of them."""

    def __init__(self, directory: Path, *, held: bool = False) -> None:
        self.holder = FakeHolder()
        self.closed = 0

        async def close_stdin() -> None:
            self.closed += 1

        holder = (self.holder, "web") if held else None
        self.streams = ProcessStreams(directory / "fifo", close_stdin, holder)
        self.log_path = directory / "x-json.log"

    def open(self, *, stdin: bool = False, tty: bool = True, adopt: bool = False) -> None:
        self.streams.open(
            stdin=stdin,
            tty=tty,
            log=JsonFileLog(str(self.log_path)),
            assemblers={name: LineAssembler(name) for name in ("stdout", "stderr")},
            adopt=adopt,
        )

    async def over(self) -> None:
        """The process has ended."""
        if self.streams._copier is not None:
            self.streams._copier.finish()
        await self.streams.copy()
        await self.streams.finish(0)
        self.streams.end()

    def writer(self, name: str = "stdout") -> int:
        return os.open(getattr(self.streams.paths, name), os.O_WRONLY | os.O_NONBLOCK)


@pytest.mark.parametrize(
    ("stdin", "tty", "names"),
    [
        (False, False, {"stdout", "stderr"}),
        (False, True, {"stdout"}),
        (True, False, {"stdin", "stdout", "stderr"}),
    ],
)
async def test_process_gets_the_fifos_that_it_needs(
    tmp_path: Path, stdin: bool, tty: bool, names: set[str]
) -> None:
    rig = Rig(tmp_path)
    rig.open(stdin=stdin, tty=tty)
    paths = rig.streams.paths
    told = {name for name in StreamPaths.__struct_fields__ if getattr(paths, name)}
    assert told == names
    assert {each.name for each in (tmp_path / "fifo").iterdir()} >= names
    assert rig.streams.opened
    await rig.over()
    assert not rig.streams.opened
    assert rig.streams.paths == StreamPaths()


async def test_output_is_logged_and_heard_to_its_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    heard = rig.streams.fanout.subscribe()  # before the process is there
    rig.open()
    writer = rig.writer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.streams.copy)
        os.write(writer, b"hello\n")
        os.close(writer)
        await rig.streams.finish(10)
    assert [data async for _, data in heard] == [b"hello\n"]
    rig.streams.end()
    assert '"log":"hello\\n"' in rig.log_path.read_text()
    assert rig.streams.log is None


async def test_output_that_does_not_end_is_taken_as_it_is(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    rig = Rig(tmp_path)
    rig.open()
    writer = rig.writer()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.streams.copy)
        os.write(writer, b"last words")
        begun = trio.current_time()
        await rig.streams.finish(2)
        assert trio.current_time() - begun <= 2 + LAST_BYTES
    assert '"log":"last words"' in rig.log_path.read_text()
    rig.streams.end()
    os.close(writer)


async def test_fresh_run_begins_with_empty_fifos_an_adopted_one_with_what_is_there(
    tmp_path: Path,
) -> None:
    for adopt, text in ((False, ""), (True, "left")):
        rig = Rig(tmp_path / str(adopt))
        rig.log_path.parent.mkdir()
        rig.open()
        old = rig.writer()
        os.write(old, b"left")
        again = Rig(tmp_path / str(adopt))
        again.open(adopt=adopt)
        os.close(old)
        await again.over()
        assert text in again.log_path.read_text()
        assert bool(again.log_path.read_text()) is adopt
        await rig.over()


async def test_reading_ends_are_held_from_the_opening_to_the_end(tmp_path: Path) -> None:
    rig = Rig(tmp_path, held=True)
    rig.open(tty=False)
    assert len(rig.holder.held["web"]) == 2
    await rig.over()
    assert rig.holder.held == {}


async def test_input_reaches_the_process_once_it_is_connected(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.open(stdin=True)
    process = os.open(rig.streams.paths.stdin, os.O_RDONLY | os.O_NONBLOCK)
    await rig.streams.connect_stdin()
    await rig.streams.stdin.send_all(b"typed")
    assert os.read(process, 10) == b"typed"
    await rig.streams.stdin.close()
    assert rig.closed == 1
    await rig.over()
    os.close(process)


async def test_input_that_the_runtime_does_not_open_is_given_up(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    rig = Rig(tmp_path)
    rig.open(stdin=True)
    begun = trio.current_time()
    with pytest.raises(DeadlineExceeded, match="did not open the process's standard input"):
        await rig.streams.connect_stdin()
    assert trio.current_time() - begun == pytest.approx(CONNECT_LIMIT)
    await rig.over()


async def test_without_input_there_is_nothing_to_connect(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.open()
    await rig.streams.connect_stdin()
    await rig.over()


async def test_clients_of_a_run_are_parted_from_and_the_next_ones_wait(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.open()
    heard = rig.streams.fanout.subscribe()
    await rig.over()
    assert [each async for each in heard] == []
    following = rig.streams.fanout.subscribe()
    assert not rig.streams.fanout.closed
    following.close()


async def test_copier_that_fails_too_often_lets_the_output_flow_into_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = Rig(tmp_path)
    rig.open()
    copier = rig.streams._copier
    assert copier is not None

    async def fail() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(copier, "run", fail)
    for _ in range(MOST_CRASHES):
        with pytest.raises(ZeroDivisionError):
            await rig.streams.copy()
    writer = rig.writer()
    service = CopierService(rig.streams)
    async with trio.open_nursery() as nursery:
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        for _ in range(20):
            os.write(writer, b"x" * 65536)
            await wait_all_tasks_blocked()
        os.close(writer)
    assert rig.streams.copied.is_set()
    await rig.over()

"""The copier: whole streams, through crashes at every step and kills at every write."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engine.domain.logs.jsonfile import LineAssembler
from engine.domain.logs.options import JsonFileOptions
from engine.domain.logs.rotation import rotated_paths
from engine.domain.logs.writer import JsonFileLog
from engine.domain.streams.broadcast import Fanout, Subscription
from engine.domain.streams.copier import Output, OutputCopier
from engine.domain.streams.fifo import CHUNK, FifoReader, FifoWriter, make_fifos
from engine.domain.streams.journal import Journal


def logged(path: str, stream: str = "stdout") -> bytes:
    whole = b"".join(Path(each).read_bytes() for each in rotated_paths(path))
    records = [json.loads(line) for line in whole.splitlines()]
    return "".join(r["log"] for r in records if r["stream"] == stream).encode()


class Rig:
    """A container's streams without the container."""

    def __init__(self, directory: Path, options: JsonFileOptions | None = None) -> None:
        self.paths = make_fifos(str(directory / "fifo"), ["stdout", "stderr"])
        self.log = JsonFileLog(str(directory / "x-json.log"), options)
        self.fanout = Fanout()
        self.outputs = [
            Output(name, FifoReader(path), LineAssembler(name), Journal(f"{path}.journal"))
            for name, path in self.paths.items()
        ]
        self.copier = OutputCopier(self.outputs, self.fanout, self.log)

    async def writers(self) -> dict[str, FifoWriter]:
        return {name: await FifoWriter.open(path) for name, path in self.paths.items()}

    async def close(self) -> None:
        await self.log.close()
        for output in self.outputs:
            output.close()


@asynccontextmanager
async def rig_at(directory: Path, options: JsonFileOptions | None = None) -> AsyncIterator[Rig]:
    rig = Rig(directory, options)
    yield rig
    await rig.close()


async def collect(subscription: Subscription) -> dict[str, bytes]:
    got = {"stdout": b"", "stderr": b""}
    async for stream, data in subscription:
        got[stream] += data
    return got


async def test_output_is_logged_and_broadcast_to_its_end(tmp_path: Path) -> None:
    async with rig_at(tmp_path) as rig:
        subscription = rig.fanout.subscribe()
        writers = await rig.writers()
        await writers["stdout"].send_all(b"one\ntw")
        await writers["stderr"].send_all(b"bad\n")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.copier.run)
            await wait_all_tasks_blocked()
            assert logged(rig.log.path) == b"one\n"
            await writers["stdout"].send_all(b"o")
            for writer in writers.values():
                writer.close()
        assert await collect(subscription) == {"stdout": b"one\ntwo", "stderr": b"bad\n"}
        assert logged(rig.log.path) == b"one\ntwo"
        assert logged(rig.log.path, "stderr") == b"bad\n"
        assert rig.outputs[0].total == 7


async def test_prompt_without_newline_reaches_clients_at_once(tmp_path: Path) -> None:
    async with rig_at(tmp_path) as rig, trio.open_nursery() as nursery:
        subscription = rig.fanout.subscribe()
        writers = await rig.writers()
        nursery.start_soon(rig.copier.run)
        await writers["stdout"].send_all(b"$ ")
        assert await subscription.__anext__() == ("stdout", b"$ ")
        for writer in writers.values():
            writer.close()


async def test_tty_without_log_has_one_output(tmp_path: Path) -> None:
    path = make_fifos(str(tmp_path), ["stdout"])["stdout"]
    output, fanout = Output("stdout", FifoReader(path)), Fanout()
    subscription = fanout.subscribe()
    writer = await FifoWriter.open(path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(OutputCopier([output], fanout, None).run)
        await writer.send_all(b"\0\0")
        writer.close()
    assert (await collect(subscription))["stdout"] == b"\0\0"
    output.close()


async def test_finish_ends_the_output_although_a_writer_stays(tmp_path: Path) -> None:
    async with rig_at(tmp_path) as rig:
        writers = await rig.writers()
        await writers["stdout"].send_all(b"last words")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.copier.run)
            await wait_all_tasks_blocked()
            rig.copier.finish()
        assert logged(rig.log.path) == b"last words"
        for writer in writers.values():
            writer.close()


async def test_slow_client_blocks_the_output_until_it_leaves(tmp_path: Path) -> None:
    data = b"x" * 79 + b"\n"
    async with rig_at(tmp_path) as rig:
        subscription = rig.fanout.subscribe()
        writers = await rig.writers()

        async def print_much() -> None:
            await writers["stdout"].send_all(data * 50_000)
            for writer in writers.values():
                writer.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.copier.run)
            nursery.start_soon(print_much)
            while rig.fanout.backlog <= 1 << 20:
                await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            assert rig.fanout.backlog <= (1 << 20) + CHUNK
            subscription.close()
        assert logged(rig.log.path) == data * 50_000


class Boom(Exception):
    """A bug in the copier."""


class Saboteur(trio.abc.Instrument):
    """Throws Boom into the copier's tasks, on average at every n-th step."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.chance = random.Random(every)
        self.crashes = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if not task.name.startswith("copy "):
            return
        if self.chance.randrange(self.every) == 0:
            self.crashes += 1
            task._next_send_fn = task.coro.throw
            task._next_send = Boom()


@pytest.mark.parametrize("every", range(2, 12))
@pytest.mark.parametrize("max_size", [None, 20_000])  # with a limit, in worker threads too
async def test_crash_at_any_step_loses_and_repeats_nothing(
    tmp_path: Path, every: int, max_size: int | None
) -> None:
    pieces = [b"piece %d of\n many" % i * (i % 7 * 40 + 1) for i in range(60)]
    options = JsonFileOptions(max_size, 1000)
    async with rig_at(tmp_path, options) as rig:
        rig.fanout = rig.copier.fanout = Fanout(limit=1000)
        saboteur = Saboteur(every)
        got: dict[str, bytes] = {}

        async def print_pieces() -> None:
            writers = await rig.writers()
            for piece in pieces:
                for writer in writers.values():
                    await writer.send_all(piece)
                    await trio.lowlevel.checkpoint()
            for writer in writers.values():
                writer.close()

        async def listen() -> None:
            got.update(await collect(rig.fanout.subscribe()))

        async def copy_on() -> None:
            while not rig.fanout.closed:
                try:
                    await rig.copier.run()
                except* Boom:
                    pass

        trio.lowlevel.add_instrument(saboteur)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(listen)
                await wait_all_tasks_blocked()
                nursery.start_soon(print_pieces)
                nursery.start_soon(copy_on)
        finally:
            trio.lowlevel.remove_instrument(saboteur)
        assert saboteur.crashes > 3
        expected = b"".join(pieces)
        assert got == {"stdout": expected, "stderr": expected}
        assert logged(rig.log.path) == logged(rig.log.path, "stderr") == expected


class Camera:
    """Copies the journal and the log at every change: what a kill there would leave behind."""

    def __init__(self, source: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.source, self.target = source, target
        self.read = 0  # bytes that have left the FIFO
        self.shots: list[tuple[Path, int]] = []
        put, clear, write = Journal._put, Journal._clear, JsonFileLog._write
        rotate, read_into = JsonFileLog._rotate, FifoReader.read_into

        def read_and_shoot(reader: FifoReader, buffer: memoryview) -> int | None:
            length = read_into(reader, buffer)
            self.read += length or 0
            self.shoot()
            return length

        def write_in_two(log: JsonFileLog, data: memoryview) -> None:
            middle = len(data) // 2
            write(log, data[:middle])
            self.shoot()
            write(log, data[middle:])

        monkeypatch.setattr(FifoReader, "read_into", read_and_shoot)
        monkeypatch.setattr(JsonFileLog, "_write", write_in_two)
        for owner, name, method in (
            (Journal, "_put", put),
            (Journal, "_clear", clear),
            (JsonFileLog, "_rotate", rotate),
        ):
            monkeypatch.setattr(owner, name, self.shooting(method))

    def shooting(self, method: object) -> object:
        def wrapped(*args: object) -> None:
            self.shoot()
            method(*args)  # type: ignore[operator]
            self.shoot()

        return wrapped

    def shoot(self) -> None:
        place = self.target / str(len(self.shots))
        place.mkdir(parents=True)
        for path in self.source.rglob("*"):
            if path.is_file():
                (place / path.relative_to(self.source)).parent.mkdir(exist_ok=True)
                shutil.copyfile(path, place / path.relative_to(self.source))
        self.shots.append((place, self.read))


def chunks_of(text: bytes, sizes: list[int]) -> Iterator[bytes]:
    while text:
        size = sizes[0]
        sizes = [*sizes[1:], size]
        yield text[:size]
        text = text[size:]


@pytest.mark.parametrize("max_size", [None, 700])
async def test_kill_at_any_point_loses_and_repeats_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_size: int | None
) -> None:
    text = b"".join(b"line %d\n" % i for i in range(20)) + b"y" * 17_000 + b"\nz\nend"
    options = JsonFileOptions(max_size, 1000)
    with monkeypatch.context() as patches:
        (tmp_path / "first").mkdir()
        rig = Rig(tmp_path / "first", options)
        camera = Camera(tmp_path / "first", tmp_path / "shots", patches)
        writers = await rig.writers()
        writers["stderr"].close()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.copier.run)
            for chunk in chunks_of(text, [5, 11, 90, 9_000]):
                await writers["stdout"].send_all(chunk)
                await wait_all_tasks_blocked()
                while rig.outputs[0].pending is not None:
                    await trio.lowlevel.checkpoint()
            writers["stdout"].close()
        await rig.close()
    assert logged(rig.log.path) == text
    assert len(camera.shots) > 50
    for place, read in camera.shots:
        # The FIFO outlives the kill, with what was not read from it.
        async with rig_at(place, options) as next_rig:
            writers = await next_rig.writers()
            await writers["stdout"].send_all(text[read:])
            for writer in writers.values():
                writer.close()
            await next_rig.copier.run()
            assert logged(next_rig.log.path) == text, place


async def test_full_disk_of_the_journal_blocks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readv = os.readv

    def failing(fd: int, buffers: list[memoryview]) -> int:
        if isinstance(buffers[0].obj, bytearray):
            return readv(fd, buffers)
        raise OSError(14, "Bad address")

    monkeypatch.setattr(os, "readv", failing)
    async with rig_at(tmp_path) as rig:
        writers = await rig.writers()
        for writer in writers.values():
            await writer.send_all(b"x\ny")
            writer.close()
        await rig.copier.run()
        assert logged(rig.log.path) == b"x\ny"


async def test_drained_output_blocks_no_writer_and_goes_nowhere(tmp_path: Path) -> None:
    async with rig_at(tmp_path) as rig:
        subscription = rig.fanout.subscribe()
        writers = await rig.writers()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(rig.copier.drain)
            for writer in writers.values():
                await writer.send_all(b"x" * (3 << 20))  # three times what the FIFO holds
                writer.close()
        assert [each.ended for each in rig.outputs] == [True, True]
        assert await collect(subscription) == {"stdout": b"", "stderr": b""}
        assert logged(rig.log.path) == b""

"""Attach sessions end as dockerd's do, and carry every byte."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import memory_stream_pair, wait_all_tasks_blocked

from engine.domain.streams.broadcast import Fanout
from engine.domain.streams.copier import Output, OutputCopier
from engine.domain.streams.fifo import FifoReader, FifoWriter, make_fifos
from engine.domain.streams.frames import Demultiplexer, frame
from engine.domain.streams.pump import AttachEnd, Attachment, attach
from engine.domain.streams.stdin import ContainerStdin


class Session:
    """A container's streams, and one client that attaches to them."""

    def __init__(self, directory: Path) -> None:
        self.path = make_fifos(str(directory), ["stdin"])["stdin"]
        self.reader = FifoReader(self.path)
        self.stdin = ContainerStdin()
        self.fanout = Fanout()
        self.client, self.server = memory_stream_pair()
        self.end: AttachEnd | None = None

    async def run(self, **changes: object) -> None:
        parts: dict[str, object] = {"output": self.fanout.subscribe(), "stdin": self.stdin}
        self.end = await attach(self.server, Attachment(**parts | changes))  # type: ignore[arg-type]

    def read(self) -> bytes:
        """What the container has got; empty at its end, BlockingIOError before."""
        return os.read(self.reader._fd, 65536)


@pytest.fixture
async def session(tmp_path: Path) -> AsyncIterator[Session]:
    session = Session(tmp_path)
    await session.stdin.connect(await FifoWriter.open(session.path))
    yield session
    session.stdin.discard()
    session.reader.close()


async def test_output_is_framed_and_its_end_ends_the_session(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run)
        await wait_all_tasks_blocked()
        session.fanout.offer("stdout", b"out")
        session.fanout.offer("stderr", b"err")
        session.fanout.close()
    assert session.end is AttachEnd.OUTPUT
    assert await session.client.receive_some() == frame("stdout", b"out") + frame("stderr", b"err")
    with pytest.raises(BlockingIOError):  # its input stays open
        session.read()


async def test_tty_output_is_bare(session: Session) -> None:
    session.fanout.close()
    fanout = Fanout()
    subscription = fanout.subscribe()
    fanout.offer("stdout", b"\x1b[1m$ ")
    fanout.close()
    await session.run(output=subscription, tty=True)
    assert await session.client.receive_some() == b"\x1b[1m$ "


async def test_replayed_log_comes_first(session: Session) -> None:
    async def log() -> AsyncIterator[bytes]:
        yield frame("stdout", b"old\n")

    output = session.fanout.subscribe()
    session.fanout.offer("stdout", b"new\n")
    session.fanout.close()
    await session.run(output=output, replay=log())
    expected = frame("stdout", b"old\n") + frame("stdout", b"new\n")
    assert await session.client.receive_some() == expected


async def test_replay_alone_ends_by_itself(session: Session) -> None:
    async def log() -> AsyncIterator[bytes]:
        yield b"old"

    await session.run(output=None, stdin=None, replay=log())
    assert session.end is AttachEnd.OUTPUT


async def test_end_of_input_closes_a_stdin_once_container_and_lets_it_finish(
    session: Session,
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(stdin_once=True))
        await session.client.send_all(b"hi")
        await session.client.send_eof()
        await wait_all_tasks_blocked()
        assert session.end is None
        assert session.read() == b"hi"
        assert session.read() == b""
        session.fanout.offer("stdout", b"bye")
        session.fanout.close()
    assert session.end is AttachEnd.OUTPUT
    assert await session.client.receive_some() == frame("stdout", b"bye")


@pytest.mark.parametrize("options", [{}, {"stdin_once": True, "tty": True}])
async def test_end_of_input_ends_other_sessions_and_leaves_stdin_open(
    session: Session, options: dict[str, bool]
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(**options))
        await session.client.send_all(b"hi")
        await session.client.send_eof()
    assert session.end is AttachEnd.INPUT
    assert session.read() == b"hi"
    with pytest.raises(BlockingIOError):
        session.read()
    assert session.fanout.clients == 0


async def test_listener_that_half_closes_goes_on_listening(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(stdin=None))
        await session.client.send_eof()
        await wait_all_tasks_blocked()
        assert session.end is None
        session.fanout.close()
    assert session.end is AttachEnd.OUTPUT


async def test_client_that_leaves_ends_its_session_and_a_stdin_once(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(stdin_once=True))
        await wait_all_tasks_blocked()
        session.client.receive_stream.close()
        session.fanout.offer("stdout", b"x")
    assert session.end is AttachEnd.CLIENT
    assert session.read() == b""
    assert session.fanout.clients == 0


async def test_detach_keys_end_a_terminals_session_only(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(tty=True, detach_keys=b"\x10\x11"))
        for data in (b"a\x10b", b"\x10", b"\x11"):
            await session.client.send_all(data)
            await wait_all_tasks_blocked()
    assert session.end is AttachEnd.DETACHED
    assert session.read() == b"a\x10b"
    with pytest.raises(BlockingIOError):
        session.read()


async def test_without_a_tty_the_keys_are_data(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(detach_keys=b"\x10\x11"))
        await session.client.send_all(b"\x10\x11")
        await session.client.send_eof()
    assert session.read() == b"\x10\x11"


async def test_container_that_reads_no_more_keeps_its_output(session: Session) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: session.run(stdin_once=True))
        await wait_all_tasks_blocked()
        session.reader.close()
        await session.client.send_all(b"hi")
        await wait_all_tasks_blocked()
        assert session.end is None
        session.fanout.close()


async def test_megabytes_through_cat_come_back_whole(tmp_path: Path) -> None:
    paths = make_fifos(str(tmp_path), ["stdin", "stdout"])
    output, fanout, stdin = (
        Output("stdout", FifoReader(paths["stdout"])),
        Fanout(),
        ContainerStdin(),
    )
    there, back = trio.testing.lockstep_stream_pair()
    size, block = 8_000_000, os.urandom(100_000)
    sent, got = hashlib.sha256(), hashlib.sha256()

    async def send() -> None:
        for _ in range(size // len(block)):
            await there.send_all(block)
            sent.update(block)
        await there.send_eof()

    async def receive() -> None:
        frames = Demultiplexer()
        while data := await there.receive_some(50_000):
            for _, part in frames.feed(bytes(data)):
                got.update(part)

    async def serve() -> None:
        attachment = Attachment(output=fanout.subscribe(), stdin=stdin, stdin_once=True)
        assert await attach(back, attachment) is AttachEnd.OUTPUT
        await back.aclose()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(OutputCopier([output], fanout, None).run)
        for task in (send, receive, serve):
            nursery.start_soon(task)
        # cat opens stdin for reading first, as a shim does; then we may connect.
        reading = os.open(paths["stdin"], os.O_RDONLY | os.O_NONBLOCK)
        await stdin.connect(await FifoWriter.open(paths["stdin"]))
        os.set_blocking(reading, True)
        writing = os.open(paths["stdout"], os.O_WRONLY)
        await trio.run_process(["cat"], stdin=reading, stdout=writing)
        os.close(reading)
        os.close(writing)
    assert got.digest() == sent.digest()
    output.close()

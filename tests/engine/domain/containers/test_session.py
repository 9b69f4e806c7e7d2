from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MemoryReceiveStream, memory_stream_pair

from engine.domain.containers.session import Wanted
from engine.domain.streams.frames import frame
from engine.errors import Conflict, InvalidParameter, NotFound
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running

OUTPUT = Wanted(stdout=True, stderr=True, stream=True)


async def heard(daemon: Daemon, name: str, wanted: Wanted, then: bytes = b"") -> bytes:
    """What a client hears that attaches, while the process prints and ends."""
    session = daemon.containers.session(name, wanted)
    client, server = memory_stream_pair()
    cell = daemon.containers.cell(name)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run, server)
        await settled()
        if then:
            daemon.runtime.write(cell.id, then)
        await daemon.ends(cell)
    await server.aclose()
    received = client.receive_stream
    assert isinstance(received, MemoryReceiveStream)
    return b"".join([bytes(each) async for each in received])


async def test_client_hears_the_output_to_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        assert await heard(daemon, "web", OUTPUT, b"hello\n") == frame("stdout", b"hello\n")
        assert "attach" in daemon.journal.actions()
        assert "detach" not in daemon.journal.actions()


async def test_nothing_printed_before_the_client_is_served_is_missed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.create("web", tty=True)
        session = daemon.containers.session("web", OUTPUT)
        client, server = memory_stream_pair()
        await daemon.containers.start("web")
        daemon.runtime.write(cell.id, b"first words")
        await daemon.ends(cell)
        await session.run(server)
        await server.aclose()
        assert await client.receive_some() == b"first words"


async def test_log_is_replayed_before_the_stream(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", tty=True)
        daemon.runtime.write(cell.id, b"old\n")
        await settled()
        wanted = Wanted(stdout=True, stderr=True, stream=True, logs=True)
        assert await heard(daemon, "web", wanted, b"new\n") == b"old\nnew\n"


async def test_client_that_speaks_is_heard_and_its_keys_detach_it(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web", tty=True, open_stdin=True)
        session = daemon.containers.session(
            "web", Wanted(stdin=True, stdout=True, stream=True, detach_keys="ctrl-a,d")
        )
        client, server = memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run, server)
            await client.send_all(b"typed")
            await settled()
            stdin = daemon.runtime.tasks.process(cell.id).ends["stdin"]
            assert os.read(stdin, 100) == b"typed"
            await client.send_all(b"\x01d")
        assert daemon.journal.actions()[-2:] == ["attach", "detach"]
        assert not daemon.runtime.tasks.process(cell.id).stdin_closed


async def test_input_is_not_there_unless_the_container_keeps_it_open(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        wanted = Wanted(stdin=True, stdout=True, stream=True)
        assert daemon.containers.session("web", wanted)._stdin is None


async def test_session_that_is_not_served_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        session = daemon.containers.session("web", OUTPUT)
        session.close()
        daemon.containers.session("web", Wanted()).close()
        daemon.runtime.write(cell.id, b"x" * 65536)  # nobody's queue holds it up
        await daemon.ends(cell)


async def test_refusals_come_before_the_connection_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        with pytest.raises(NotFound):
            daemon.containers.session("db", OUTPUT)
        with pytest.raises(InvalidParameter, match="nosuch"):
            daemon.containers.session("web", Wanted(detach_keys="nosuch"))
        await daemon.containers.pause("web")
        with pytest.raises(Conflict, match="is paused, unpause the container before attach"):
            daemon.containers.session("web", OUTPUT)

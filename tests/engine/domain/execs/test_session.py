from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import MemoryReceiveStream, memory_stream_pair

from engine.domain.streams.frames import frame
from engine.errors import SystemFailure
from engine.models.execs import ExecConfig, ExecStartRequest
from tests.engine.domain.containers.passing import settled
from tests.engine.domain.containers.rooms import Daemon, running


async def rest_of(client: trio.StapledStream[trio.abc.SendStream, MemoryReceiveStream]) -> bytes:
    return b"".join([bytes(each) async for each in client.receive_stream])


async def heard(daemon: Daemon, config: ExecConfig, request: ExecStartRequest) -> bytes:
    """What the client hears of a process that says `out` and `err` and ends."""
    cell = daemon.containers.cell("web")
    exec_id = await daemon.execs.create("web", config)
    session = daemon.execs.session(exec_id, request)
    client, server = memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(session.run, server)
        await settled()
        daemon.runtime.write(cell.id, b"out", exec_id=exec_id)
        await settled()
        if not config.tty:
            daemon.runtime.write(cell.id, b"err", exec_id=exec_id, stream="stderr")
        daemon.runtime.exit(cell.id, 0, exec_id=exec_id)
    assert daemon.execs.inspect(exec_id).exit_code == 0
    await server.aclose()
    return await rest_of(client)


@pytest.mark.parametrize(
    ("config", "request_", "bytes_"),
    [
        (
            ExecConfig(cmd=["x"], attach_stdout=True, attach_stderr=True),
            ExecStartRequest(),
            frame("stdout", b"out") + frame("stderr", b"err"),
        ),
        (ExecConfig(cmd=["x"], attach_stderr=True), ExecStartRequest(), frame("stderr", b"err")),
        (
            ExecConfig(cmd=["x"], attach_stdout=True, attach_stderr=True),
            ExecStartRequest(tty=True),
            b"outerr",
        ),
        (ExecConfig(cmd=["x"], attach_stdout=True, tty=True), ExecStartRequest(tty=True), b"out"),
    ],
)
async def test_client_hears_the_streams_that_it_asked_for_as_it_asked(
    tmp_path: Path, config: ExecConfig, request_: ExecStartRequest, bytes_: bytes
) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        assert await heard(daemon, config, request_) == bytes_


async def test_client_that_ends_its_input_ends_the_processes(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        cell = await daemon.run("web")
        config = ExecConfig(cmd=["cat"], attach_stdin=True, attach_stdout=True)
        exec_id = await daemon.execs.create("web", config)
        session = daemon.execs.session(exec_id, ExecStartRequest())
        client, server = memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(session.run, server)
            await settled()
            await client.send_all(b"typed")
            await client.send_eof()
            await settled()
            process = daemon.runtime.tasks.process(cell.id, exec_id)
            assert os.read(process.ends["stdin"], 100) == b"typed"
            assert process.stdin_closed
            daemon.runtime.exit(cell.id, 0, exec_id=exec_id)


async def test_failed_start_is_raised_to_who_serves_the_client(tmp_path: Path) -> None:
    async with running(tmp_path) as daemon:
        await daemon.run("web")
        exec_id = await daemon.execs.create("web", ExecConfig(cmd=["x"], attach_stdout=True))
        daemon.runtime.failures["tasks.start"] = SystemFailure("no luck")
        session = daemon.execs.session(exec_id, ExecStartRequest())
        _, server = memory_stream_pair()
        with pytest.raises(SystemFailure, match="no luck"):
            await session.run(server)

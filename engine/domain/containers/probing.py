"""One run of a health probe: a process in the container, its exit code and the beginning of its output."""

from __future__ import annotations

import contextlib
import secrets
import time

import msgspec
import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.oci.process import exec_process
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import current_plan
from engine.domain.containers.records import Status
from engine.domain.streams.broadcast import Subscription
from engine.domain.streams.session import ProcessStreams, StreamPaths
from engine.errors import Conflict, EngineError
from engine.models.execs import ExecConfig
from supervisors import Refusal

OUTPUT_LIMIT = 4096
START_LIMIT = 30.0
END_LIMIT = 5.0
STREAM_PATIENCE = 2.0
FAILURES = (Refusal, OSError, trio.TooSlowError)


class Outcome(msgspec.Struct, frozen=True):
    """Times in unix nanoseconds; `code` -1 when the probe could not run or took too long."""

    start_ns: int
    end_ns: int
    code: int
    output: str


async def run_probe(cell: Cell, outside: Outside, argv: tuple[str, ...], limit: float) -> Outcome:
    """`limit` in seconds. Never raises because of the probe."""
    start_ns = time.time_ns()
    try:
        code, output = await _run(cell, outside, argv, limit)
    except FAILURES as error:
        code, output = -1, str(error)
    return Outcome(start_ns, time.time_ns(), code, output)


async def _run(
    cell: Cell, outside: Outside, argv: tuple[str, ...], limit: float
) -> tuple[int, str]:
    streams = ProcessStreams(outside.settings.exec_root / "fifo" / cell.id / "health", _nothing)
    streams.open(stdin=False, tty=False)
    output = bytearray()
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(streams.copy)
            heard = streams.fanout.subscribe(stdout=True, stderr=True)
            nursery.start_soon(_collect, heard, output)
            try:
                code = await _process(cell, outside, argv, limit, streams)
            except FAILURES as error:  # not further out: the nursery would wrap it in a group
                return -1, str(error)
            else:
                await streams.finish(STREAM_PATIENCE)
            finally:
                nursery.cancel_scope.cancel()
    finally:
        streams.end()
    if code is None:
        return -1, f"Health check exceeded timeout ({_seconds(limit)})"
    return code, _text(output)


async def _process(
    cell: Cell, outside: Outside, argv: tuple[str, ...], limit: float, streams: ProcessStreams
) -> int | None:
    """The exit code; None when the time was up."""
    exec_id = f"health-{secrets.token_hex(8)}"
    plan = await current_plan(cell, outside)
    spec = msgspec.json.encode(exec_process(plan, ExecConfig(cmd=list(argv)), user=plan.user))
    async with contextlib.AsyncExitStack() as after:
        async with cell.doorway.entering():
            if cell.record.state.status is Status.PAUSED:
                raise Conflict("the container is paused")
            with trio.fail_after(START_LIMIT):
                await _create(cell, outside, exec_id, spec, streams.paths)
            after.push_async_callback(_end, cell, outside, exec_id)
            with trio.fail_after(START_LIMIT):
                await outside.runtime.tasks.start(cell.id, exec_id)
        return await _code(cell, outside, exec_id, limit)


async def _create(
    cell: Cell, outside: Outside, exec_id: str, spec: bytes, paths: StreamPaths
) -> None:
    await outside.runtime.tasks.exec(
        cell.id,
        exec_id,
        spec=spec,
        stdin="",
        stdout=paths.stdout,
        stderr=paths.stderr,
        terminal=False,
    )


async def _code(cell: Cell, outside: Outside, exec_id: str, limit: float) -> int | None:
    while True:
        with trio.move_on_after(limit):
            return (await outside.runtime.tasks.wait(cell.id, exec_id)).exit_status
        if cell.record.state.status is not Status.PAUSED:
            return None
        # While it is frozen nothing can be asked of it, nor can it be killed.


async def _end(cell: Cell, outside: Outside, exec_id: str) -> None:
    """Nothing of a probe stays, however it ended."""
    with trio.move_on_after(END_LIMIT, shield=True):
        await _end_surely(cell, outside, exec_id)


async def _end_surely(cell: Cell, outside: Outside, exec_id: str) -> None:
    tasks = outside.runtime.tasks
    try:
        await tasks.delete_process(cell.id, exec_id)
        return
    except EngineError:
        pass  # it still runs
    try:
        await tasks.kill(cell.id, 9, exec_id=exec_id)
        await tasks.wait(cell.id, exec_id)
        await tasks.delete_process(cell.id, exec_id)
    except EngineError:
        return  # the container has ended, and the process with it


async def _collect(heard: Subscription, output: bytearray) -> None:
    async for _, chunk in heard:
        room = OUTPUT_LIMIT + 1 - len(output)
        output += chunk[: max(0, room)]


async def _nothing() -> None:
    pass


def _text(output: bytearray) -> str:
    cut = "..." if len(output) > OUTPUT_LIMIT else ""
    return bytes(output[:OUTPUT_LIMIT]).decode(errors="replace") + cut


def _seconds(limit: float) -> str:
    """As Go prints a duration of whole seconds or milliseconds."""
    return f"{limit:g}s" if limit >= 1 else f"{limit * 1000:g}ms"

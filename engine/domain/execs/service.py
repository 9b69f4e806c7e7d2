"""The execs service: starts processes in running containers, and learns their ends."""

from __future__ import annotations

import contextlib
import shutil

import msgspec
import trio

from engine.domain.containers import rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import event
from engine.domain.containers.room import Room
from engine.domain.events.facade import Batch
from engine.domain.execs.intents import closing, opening
from engine.domain.execs.messages import Compare, ExecExited, ExecMessage, StartExec
from engine.domain.execs.process import process_spec
from engine.domain.execs.records import Exec
from engine.domain.execs.store import ExecStore
from engine.domain.streams.fifo import held_open
from engine.domain.streams.session import CopierService
from engine.errors import EngineError, NotFound
from supervisors import ChildSpec, Letter, Refusal, Restart, Worker

SWEEP_PERIOD = 300.0
"""An exec that has ended can be inspected until its second sweep: five to ten minutes, as in dockerd."""
STREAM_PATIENCE = 2.0
UNKNOWN_EXIT = 255
PATIENCE = 1.0
"""Seconds between two looks at what a former daemon began, while nothing can be said of it."""


class ExecsService(Worker):
    """Starts run beside each other; a fresh incarnation ends what the last one left half-started."""

    def __init__(self, store: ExecStore, room: Room) -> None:
        self._store = store
        self._room = room

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        with self._store.mailbox.open() as inbox:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._sweep)
                nursery.start_soon(self._take_up)
                task_status.started()
                async for letter in inbox:
                    nursery.start_soon(self._answer, letter)

    async def _answer(self, letter: Letter[ExecMessage]) -> None:
        with letter.handling():
            match letter.message:
                case StartExec(exec_id):
                    await self._start(self._store.resolve(exec_id))
                case ExecExited() as ended:
                    await self._exited(ended)
                case Compare(exec_id):
                    await self._look(exec_id)

    async def _start(self, exec: Exec) -> None:
        cell = self._room.registry.resolve(exec.container_id)
        rules.check_exec(cell.record)
        try:
            await self._run(exec, cell)
        except (Refusal, OSError, trio.TooSlowError) as error:
            answer: Refusal
            answer, code = rules.start_failure(str(error), (exec.config.cmd or [""])[0])
            if isinstance(error, Refusal) and code == 128:
                answer = error
            async with exec.lock:
                if exec.exit_code is None:  # it may have run all the same, and ended
                    await self._failed(exec, cell, 126 if code == 128 else code)
            raise answer from error

    async def _run(self, exec: Exec, cell: Cell) -> None:
        """The lock keeps a quick exit from being handled before its start is known."""
        tasks = self._room.outside.runtime.tasks
        async with exec.lock:
            exec.begun = True
            spec = await process_spec(cell, self._room.outside, exec.config)
            streams = exec.streams
            await self._room.outside.journal.commit(opening(exec))
            await self._copy(exec, cell, adopt=False)
            paths = streams.paths
            async with cell.doorway.entering():
                rules.check_exec(cell.record)
                await tasks.exec(
                    cell.id,
                    exec.id,
                    spec=msgspec.json.encode(spec),
                    stdin=paths.stdin,
                    stdout=paths.stdout,
                    stderr=paths.stderr,
                    terminal=exec.config.tty,
                )
                exec.created = True
                exec.pid = await tasks.start(cell.id, exec.id)
            await streams.connect_stdin()
            exec.told = True
            started = event(
                cell.record,
                f"exec_start: {exec.command}",
                {"execID": exec.id},
                once=f"exec_start {exec.id}",
            )
            await self._room.outside.journal.commit(opening(exec).event(started))
            exec.running = True
            exec.ready.set()

    async def _copy(self, exec: Exec, cell: Cell, *, adopt: bool) -> None:
        streams = exec.streams
        streams.open(stdin=exec.config.attach_stdin, tty=exec.config.tty, adopt=adopt)
        assert cell.supervisor is not None
        await cell.supervisor.add(
            ChildSpec(
                name=exec.child_name,
                factory=lambda: CopierService(streams),
                restart=Restart.TRANSIENT,
                quarantine=True,
            )
        )

    async def _failed(self, exec: Exec, cell: Cell, code: int) -> None:
        if exec.created:
            await self._forget_process(exec, kill=True)
        await exec.streams.finish(0)
        await self._tell_end(exec, cell, code)
        exec.ended_with(code)
        await self._clear(exec, cell)

    async def _tell_end(self, exec: Exec, cell: Cell | None, code: int) -> None:
        if not exec.told or cell is None:
            return
        extra = {"execID": exec.id, "exitCode": str(code)}
        ended = event(cell.record, "exec_die", extra, once=f"exec_die {exec.id}")
        with contextlib.suppress(Refusal):
            await self._room.outside.journal.commit(Batch(events=[ended], durable=False))

    async def _clear(self, exec: Exec, cell: Cell | None) -> None:
        if cell is not None and exec.id in cell.exec_ids:
            cell.exec_ids.remove(exec.id)
        await trio.to_thread.run_sync(shutil.rmtree, exec.streams.directory, True)
        with contextlib.suppress(Refusal):
            await self._room.outside.journal.commit(closing(exec))

    async def _exited(self, ended: ExecExited) -> None:
        exec = self._store.get(ended.exec_id)
        if exec is None or exec.exit_code is not None:
            return
        async with exec.lock:
            if exec.exit_code is None:
                await self._finish(exec, ended.exit_code)

    async def _finish(self, exec: Exec, code: int) -> None:
        await exec.streams.finish(STREAM_PATIENCE)
        cell = self._room.registry.get(exec.container_id)
        await self._tell_end(exec, cell, code)
        exec.ended_with(code)
        await self._forget_process(exec, kill=False)
        await self._clear(exec, cell)

    async def _forget_process(self, exec: Exec, *, kill: bool) -> None:
        tasks = self._room.outside.runtime.tasks
        with contextlib.suppress(EngineError):
            if kill:
                await tasks.kill(exec.container_id, 9, exec_id=exec.id)
                with trio.move_on_after(STREAM_PATIENCE):
                    await tasks.wait(exec.container_id, exec.id)
        with contextlib.suppress(EngineError):
            await tasks.delete_process(exec.container_id, exec.id)

    async def _take_up(self) -> None:
        """After a crash or a gap in the events: what was being started is ended, what has ended is finished."""
        for exec in self._store:
            if exec.exit_code is None and exec.begun:
                await self._look(exec.id)
        while any(exec.inherited and exec.exit_code is None for exec in self._store):
            await trio.sleep(PATIENCE)
            for exec in self._store:
                if exec.inherited:
                    await self._look(exec.id)

    async def _look(self, exec_id: str) -> None:
        exec = self._store.get(exec_id)
        if exec is not None:
            async with exec.lock:
                await self._compare(exec)

    async def _compare(self, exec: Exec) -> None:
        if exec.exit_code is not None:
            return
        cell = self._room.registry.get(exec.container_id)
        if not exec.running and not exec.inherited:
            if cell is not None:
                await self._failed(exec, cell, 126)
            return
        try:
            with held_open(str(exec.streams.directory)):
                process = await self._room.outside.runtime.tasks.get(exec.container_id, exec.id)
        except NotFound:
            await self._finish(exec, UNKNOWN_EXIT)
        except EngineError:
            return  # asked again when containerd is back
        else:
            if process.status == "unknown":
                return  # its shim does not answer: nothing follows from that
            if process.status == "stopped" or cell is None:
                await self._finish(exec, process.exit_status)
            elif not exec.running:
                await self._failed(exec, cell, 126)
            elif exec.inherited and cell.supervisor is not None:
                await self._adopt(exec, cell)

    async def _adopt(self, exec: Exec, cell: Cell) -> None:
        """Its client went with the former daemon: nobody speaks to it, and what it says is drained."""
        await self._copy(exec, cell, adopt=True)
        exec.inherited = False
        cell.exec_ids.append(exec.id)
        if exec.config.attach_stdin:
            with contextlib.suppress(EngineError):
                await self._room.outside.runtime.tasks.close_io(cell.id, exec.id)

    async def _sweep(self) -> None:
        while True:
            await trio.sleep(SWEEP_PERIOD)
            for exec in self._store:
                if exec.exit_code is None:
                    continue
                if exec.marked:
                    self._store.discard(exec.id)
                exec.marked = True

"""All that routes and other rooms may import of execs."""

from __future__ import annotations

import msgspec
import trio

from engine.domain.containers import rules
from engine.domain.containers.outside import event
from engine.domain.containers.room import Room
from engine.domain.containers.service import Nursery
from engine.domain.events.facade import Batch, Intent
from engine.domain.execs.intents import inherited
from engine.domain.execs.messages import Compare, ExecExited, StartExec
from engine.domain.execs.records import Exec
from engine.domain.execs.session import ExecSession
from engine.domain.execs.store import ExecStore
from engine.domain.names import generate_id
from engine.domain.streams.detach import parse_detach_keys
from engine.domain.streams.session import ProcessStreams
from engine.errors import Conflict, EngineError, InvalidParameter, SystemFailure
from engine.models.execs import ExecConfig, ExecInspect, ExecStartRequest, ProcessConfig

READY_PATIENCE = 10.0
"""Seconds that a resize waits for the process to be there, as in dockerd."""


class Execs:
    """An exec is known by its ID or a unique prefix of it."""

    def __init__(self, store: ExecStore, room: Room, nursery: Nursery) -> None:
        self._store = store
        self._room = room
        self._nursery = nursery

    def restore(self, found: list[Intent]) -> None:
        """At the daemon's start: the processes that a former one began."""
        for exec in inherited(found, self._streams):
            self._store.add(exec)

    async def create(self, reference: str, config: ExecConfig) -> str:
        """The exec's ID. Conflict unless the container runs; InvalidParameter without a command."""
        cell = self._room.registry.resolve(reference)
        rules.check_exec(cell.record, reference)
        if not config.cmd:
            raise InvalidParameter("No exec command specified")
        parse_detach_keys(config.detach_keys, kind="escape")  # before anything can be claimed
        exec_id = generate_id()
        exec = Exec(exec_id, cell.id, config, self._streams(cell.id, exec_id))
        extra = {"execID": exec_id}
        await self._room.outside.journal.commit(
            Batch(events=[event(cell.record, f"exec_create: {exec.command}", extra)], durable=False)
        )
        self._store.add(exec)
        cell.exec_ids.append(exec_id)
        return exec_id

    def _streams(self, container_id: str, exec_id: str) -> ProcessStreams:
        async def close_stdin() -> None:
            try:
                await self._room.outside.runtime.tasks.close_io(container_id, exec_id)
            except EngineError:
                return

        directory = (
            self._room.outside.settings.exec_root / "fifo" / container_id / f"exec-{exec_id[:16]}"
        )
        return ProcessStreams(directory, close_stdin)

    def session(self, reference: str, request: ExecStartRequest) -> ExecSession:
        """Claim the exec for its one start. NotFound, Conflict; the output is kept from now on."""
        exec = self._get(reference)
        if exec.exit_code is not None:
            raise Conflict(f"Error: Exec command {exec.id} has already run")
        if exec.started:
            raise Conflict(f"Error: Exec command {exec.id} is already running")
        rules.check_exec(self._room.registry.resolve(exec.container_id).record)
        exec.started = True
        if request.console_size is not None:
            exec.config = msgspec.structs.replace(exec.config, console_size=request.console_size)
        return ExecSession(exec, self._start, self._left, detach=request.detach, raw=request.tty)

    def _get(self, reference: str) -> Exec:
        """NotFound also when its container is gone."""
        exec = self._store.resolve(reference)
        self._room.registry.resolve(exec.container_id)
        return exec

    async def _start(self, exec: Exec) -> None:
        cell = self._room.registry.resolve(exec.container_id)
        try:
            await self._nursery.supervise(cell)
            await self._store.mailbox.ask(StartExec(exec.id))
        finally:
            exec.started = exec.begun  # what the service never took up may be claimed again

    async def _left(self, exec: Exec) -> None:
        cell = self._room.registry.resolve(exec.container_id)
        left = event(cell.record, "exec_detach", {"execID": exec.id})
        await self._room.outside.journal.commit(Batch(events=[left], durable=False))

    async def resize(self, reference: str, height: int, width: int) -> None:
        """Clients ask while the process is still being started: wait for it. Conflict when it has ended."""
        exec = self._get(reference)
        with trio.move_on_after(READY_PATIENCE):
            await exec.ready.wait()
        if not exec.ready.is_set():
            raise SystemFailure("timeout waiting for exec session ready")
        if not exec.running:
            raise Conflict(f"Exec command {exec.id} is not running")
        await self._room.outside.runtime.tasks.resize_pty(exec.container_id, exec.id, width, height)

    def inspect(self, reference: str) -> ExecInspect:
        exec = self._get(reference)
        user = self._room.registry.resolve(exec.container_id).record.config.user
        config = exec.config
        argv = config.cmd or [""]
        return ExecInspect(
            id=exec.id,
            running=exec.running,
            exit_code=exec.exit_code,
            process_config=ProcessConfig(
                tty=config.tty,
                entrypoint=argv[0],
                arguments=argv[1:],
                privileged=config.privileged,
                user=config.user or user,
            ),
            open_stdin=config.attach_stdin,
            open_stderr=config.attach_stderr,
            open_stdout=config.attach_stdout,
            can_remove=exec.marked,
            container_id=exec.container_id,
            detach_keys=config.detach_keys,
            pid=exec.pid,
        )

    # for the watcher

    async def exited(self, message: ExecExited) -> None:
        if self._store.get(message.exec_id) is not None:
            await self._store.mailbox.tell(message)

    async def compare(self) -> None:
        """Exits may have been missed: let the service look at every process that should be running."""
        for exec in self._store:
            if exec.begun and exec.exit_code is None:
                await self._store.mailbox.tell(Compare(exec.id))

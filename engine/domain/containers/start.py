"""Starting a container: the hot path, in the order that leaves nothing to wait for twice."""

from __future__ import annotations

import time

import msgspec
import trio

from engine.domain.containers import rules
from engine.domain.containers.cell import Cell
from engine.domain.containers.exit import delete_task
from engine.domain.containers.logging import open_log
from engine.domain.containers.outside import Outside, event, intent
from engine.domain.containers.prepare import prepare
from engine.domain.containers.reconcile import undo_start
from engine.domain.containers.records import NetworkState, Status, to_document
from engine.domain.events.facade import Batch
from engine.domain.streams.session import CopierService
from engine.errors import SystemFailure
from supervisors import ChildSpec, Refusal, Restart


async def start(cell: Cell, outside: Outside) -> None:
    """Row 56. Needs the slot. A start that fails leaves no trace but its reason and exit code in the record."""
    rules.check_start(cell.record)
    if cell.starting:  # an earlier start could neither be finished nor undone
        await undo_start(cell, outside, "the start was interrupted")
    await delete_task(cell, outside)
    if cell.leftover:
        raise SystemFailure(f"container {cell.id}: the task of its last run cannot be deleted")
    generation = cell.record.state.generation + 1
    opened = Batch(durable=False).open(intent("start", cell.record, generation=generation))
    await outside.journal.commit(opened)
    cell.starting = True
    try:
        await _run(cell, outside, generation)
    except (Refusal, OSError) as error:
        answer: Refusal
        answer, code = rules.start_failure(str(error), (cell.record.argv or [""])[0])
        if isinstance(error, Refusal) and code == 128:
            answer = error
        await undo_start(cell, outside, str(answer), code)
        raise answer from error


async def _run(cell: Cell, outside: Outside, generation: int) -> None:
    prepared = cell.preparation or await prepare(cell, outside)
    cell.preparation = None
    ports = await outside.sandboxes.publish(cell.record)
    await open_streams(cell, outside, generation)
    paths = cell.streams.paths
    tasks = outside.runtime.tasks
    pid = await tasks.create(
        cell.id,
        rootfs=prepared.rootfs,
        stdin=paths.stdin,
        stdout=paths.stdout,
        stderr=paths.stderr,
        terminal=cell.record.config.tty,
        options=prepared.options,
    )
    await tasks.start(cell.id)
    await cell.streams.connect_stdin()
    record = msgspec.structs.replace(
        cell.record, network=NetworkState(prepared.place.sandbox, ports)
    ).with_state(
        status=Status.RUNNING,
        pid=pid,
        exit_code=0,
        error="",
        oom_killed=False,
        started_ns=time.time_ns(),
        finished_ns=cell.record.state.finished_ns,
        generation=generation,
        manually_stopped=False,
    )
    cell.told = record
    told = event(record, "start", once=f"start {generation}")
    batch = Batch().put(to_document(record)).close("start", cell.id).event(told)
    await outside.journal.commit(batch)
    cell.record = record
    cell.starting, cell.told = False, None


async def open_streams(
    cell: Cell, outside: Outside, generation: int, *, adopt: bool = False
) -> None:
    """FIFOs and log of a run, and the service that copies between them, in the container's supervisor."""
    record, streams = cell.record, cell.streams
    log, assemblers = await trio.to_thread.run_sync(open_log, record, outside.directory(record.id))
    config = record.config
    streams.open(
        stdin=config.open_stdin, tty=config.tty, log=log, assemblers=assemblers, adopt=adopt
    )
    assert cell.supervisor is not None
    await cell.supervisor.add(
        ChildSpec(
            name=f"output-{generation}",
            factory=lambda: CopierService(streams),
            restart=Restart.TRANSIENT,
        )
    )

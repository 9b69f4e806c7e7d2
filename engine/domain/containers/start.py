"""Starting a container: the hot path, in the order that leaves nothing to wait for twice."""

from __future__ import annotations

import time
from collections.abc import Mapping

import msgspec
import trio

from engine.domain.containers import health, imagemounts, ipc, rules, startretry
from engine.domain.containers.announce import network_events
from engine.domain.containers.cell import Cell
from engine.domain.containers.exit import delete_task
from engine.domain.containers.output import open_streams, watch_health
from engine.domain.containers.outside import Outside, event, intent
from engine.domain.containers.prepare import prepare
from engine.domain.containers.reconcile import AWAY, undo_start
from engine.domain.containers.records import Container, NetworkState, Status, to_document
from engine.domain.containers.relink import tell_parents
from engine.domain.containers.task import create_task
from engine.domain.containers.volumes import mount_events
from engine.domain.events.facade import Batch
from engine.domain.networks.facade import Sandbox
from engine.errors import SystemFailure, Unavailable
from engine.models.networks import EndpointSettings
from engine.models.runtime import RuncOptions
from supervisors import Refusal


async def start(
    cell: Cell,
    outside: Outside,
    cause: Mapping[str, str] | None = None,
    *,
    checkpoint: str = "",
) -> None:
    """Row 56. Needs the slot. A start that fails leaves no trace but its reason and exit code in the record.

    `cause` goes into its event, where nobody has asked for it; `checkpoint` is the directory to start from.
    """
    if outside.shutting_down:  # whoever stops all would not see this one
        raise Unavailable("the daemon is shutting down")
    if cell.starting:  # an earlier start could neither be finished nor undone
        await undo_start(cell, outside, "the start was interrupted", put_off=True)
    await delete_task(cell, outside)
    if cell.leftover:
        raise SystemFailure(f"container {cell.id}: the task of its last run cannot be deleted")
    generation = cell.record.state.generation + 1
    opened = Batch(durable=False).open(intent("start", cell.record, generation=generation))
    await outside.journal.commit(opened)
    cell.starting = True
    try:
        await _run(cell, outside, generation, cause, checkpoint)
    except (Refusal, OSError, trio.TooSlowError) as error:
        answer: Refusal
        answer, code = rules.start_failure(str(error), (cell.record.argv or [""])[0])
        if isinstance(error, Refusal) and code == 128:
            answer = error
        outage = isinstance(error, AWAY)
        retry = startretry.applies(cell.record, str(error))
        await undo_start(cell, outside, str(answer), code, put_off=outage, retry=retry)
        raise answer from error


async def _run(
    cell: Cell,
    outside: Outside,
    generation: int,
    cause: Mapping[str, str] | None,
    checkpoint: str,
) -> None:
    prepared = cell.preparation or await prepare(cell, outside)
    cell.preparation = None
    if not await outside.sandboxes.begin(cell.record):
        prepared = await prepare(cell, outside)
        await outside.sandboxes.begin(cell.record)
    if checkpoint:
        options = msgspec.structs.replace(
            prepared.options or RuncOptions(), criu_image_path=checkpoint
        )
        prepared = msgspec.structs.replace(prepared, options=options)
    ports = await outside.sandboxes.publish(cell.record)
    await outside.volumes.mount(cell.record)
    await imagemounts.expose(cell.record, outside)
    await ipc.mount(cell.record, outside)
    await open_streams(cell, outside, generation)
    pid = await create_task(cell, outside, prepared)
    await outside.volumes.conceal(cell.record)
    await outside.runtime.tasks.start(cell.id)
    await cell.streams.connect_stdin()
    sandbox = prepared.place.sandbox
    record = msgspec.structs.replace(
        cell.record,
        network=NetworkState(sandbox, ports),
        endpoints=known_endpoints(cell.record, sandbox),
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
        backoff_ms=0 if cell.record.state.next_try_ns else cell.record.state.backoff_ms,
        next_try_ns=0,
        health=health.first(cell.record),
    )
    cell.told = record
    batch = Batch().put(to_document(record)).close("start", cell.id)
    batch.announce(network_events("connect", record, sandbox, outside))
    batch.announce(mount_events(record))
    await outside.journal.commit(
        batch.event(event(record, "start", cause, once=f"start {generation}"))
    )
    cell.record = record
    cell.starting, cell.told, cell.checkup, cell.reason = False, None, None, ""
    cell.ender = ""
    await watch_health(cell, outside)
    await tell_parents(record, outside)


def known_endpoints(record: Container, sandbox: Sandbox) -> dict[str, EndpointSettings]:
    """What was asked of the networks, with their IDs, which inspect shows also after the run."""
    asked = record.endpoints
    return asked | {
        each.network_name: msgspec.structs.replace(
            asked.get(each.network_name) or EndpointSettings(), network_id=each.network_id
        )
        for each in sandbox.endpoints
    }

"""The services of a run, in the container's supervisor: its output's copier, its health's monitor."""

from __future__ import annotations

import trio

from engine.domain.containers.cell import Cell
from engine.domain.containers.health import HealthMonitor, probe_of
from engine.domain.containers.logging import open_log
from engine.domain.containers.outside import Outside
from engine.domain.streams.session import CopierService
from supervisors import ChildSpec, Restart


async def open_streams(
    cell: Cell, outside: Outside, generation: int, *, adopt: bool = False
) -> None:
    """FIFOs and log of a run, and the service that copies between them, in the container's supervisor.

    `adopt` takes up those of a process that a former daemon started.
    """
    record, streams = cell.record, cell.streams
    log, assemblers = await trio.to_thread.run_sync(
        open_log, record, outside.directory(record.id), outside.logs
    )
    if log is not None:
        outside.logs.serve(record.id, log)
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
            quarantine=True,
        )
    )


async def watch_health(cell: Cell, outside: Outside) -> None:
    """The monitor of the present run, where the container has a health check."""
    if probe_of(cell.record.config) is None:
        return
    assert cell.supervisor is not None
    await cell.supervisor.add(
        ChildSpec(
            name=f"health-{cell.record.state.generation}",
            factory=lambda: HealthMonitor(cell, outside),
            restart=Restart.TRANSIENT,
            quarantine=True,
        )
    )

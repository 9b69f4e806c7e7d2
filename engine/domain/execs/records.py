"""An exec in memory: execs live and die with the daemon, as dockerd's do."""

from __future__ import annotations

import trio

from engine.domain.containers.oci.plan import SpecPlan
from engine.domain.streams.session import ProcessStreams
from engine.models.execs import ExecConfig


class Exec:
    """`exit_code` is None until the process ended; `marked` is the sweep's first pass."""

    def __init__(
        self, id: str, container_id: str, config: ExecConfig, streams: ProcessStreams
    ) -> None:
        self.id = id
        self.container_id = container_id
        self.config = config
        self.streams = streams
        self.started = False
        self.running = False
        self.pid = 0
        self.exit_code: int | None = None
        self.marked = False
        self.ended = trio.Event()

    @property
    def command(self) -> str:
        return " ".join(self.config.cmd or [])


__all__ = ["Exec", "SpecPlan"]

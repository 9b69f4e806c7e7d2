"""An exec in memory: execs live and die with the daemon, as dockerd's do."""

from __future__ import annotations

import trio

from engine.domain.streams.session import ProcessStreams
from engine.models.execs import ExecConfig


class Exec:
    """`exit_code` is None until the process ended; `marked` is the sweep's first pass.

    `started` says that a client has claimed its one start, `begun` that the service is at it;
    `created` that containerd knows the process, `running` that its start is complete, `told` that
    its event may be out.
    """

    def __init__(
        self, id: str, container_id: str, config: ExecConfig, streams: ProcessStreams
    ) -> None:
        self.id = id
        self.container_id = container_id
        self.config = config
        self.streams = streams
        self.lock = trio.Lock()
        self.started = False
        self.begun = False
        self.created = False
        self.told = False
        self.running = False
        self.pid = 0
        self.exit_code: int | None = None
        self.marked = False
        self.ready = trio.Event()
        self.ended = trio.Event()

    @property
    def command(self) -> str:
        return " ".join(self.config.cmd or [])

    @property
    def child_name(self) -> str:
        return f"exec-{self.id[:12]}"

    def ended_with(self, code: int) -> None:
        """The exit code is known and the output complete: part from the clients."""
        self.exit_code = code
        self.running = False
        self.streams.end()
        self.ready.set()
        self.ended.set()

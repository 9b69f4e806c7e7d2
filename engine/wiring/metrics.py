"""The metrics: what is looked at on the loop, and read and written down in a worker thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from config.schema import Settings
from engine.adapters.host.meters import Meters
from engine.api.app import create_app
from engine.api.listeners import Listener, UnixListener, parse_address
from engine.api.routes import metrics
from engine.api.server import Server
from engine.domain.containers.facade import Containers
from engine.domain.containers.glance import glance, processes
from engine.domain.events.bus import EventBus
from engine.domain.logs.facade import Logs
from engine.domain.system.facade import System
from engine.domain.system.observations import Engine, Observed
from engine.domain.system.pulse import Pulse
from engine.models.meters import Reading
from engine.version import VERSION
from engine.wiring.listeners import limits
from supervisors import Node

if TYPE_CHECKING:
    from engine.daemon import Engine as Daemon

PIECE = 100
"""Containers that are looked at in one step of the loop."""
SCRAPE_SECONDS = 30.0


class Readings:
    """What containers use, read at most once a second however many look."""

    AGE = 0.9

    def __init__(self, containers: Containers) -> None:
        self._containers = containers
        self._meters = Meters()
        self._lock = trio.Lock()
        self._at = float("-inf")
        self._last: Mapping[str, Reading] = {}

    async def latest(self) -> Mapping[str, Reading]:
        async with self._lock:
            if trio.current_time() - self._at > self.AGE:
                wanted = processes(self._containers.cells())
                with trio.fail_after(SCRAPE_SECONDS):
                    self._last = await trio.to_thread.run_sync(
                        self._meters.read, wanted, abandon_on_cancel=True
                    )
                self._at = trio.current_time()
            return self._last


class Metrics:
    """`bus.published` counts the events since the daemon's start."""

    def __init__(
        self,
        readings: Readings,
        rooms: tuple[Containers, Logs, System],
        bus: EventBus,
        tree: Callable[[], Node],
        pulse: Pulse,
    ) -> None:
        self.readings = readings
        self._containers, self._logs, self._system = rooms
        self._bus = bus
        self._tree = tree
        self._pulse = pulse

    async def scrape(self) -> tuple[bytes, str]:
        observed = await self.observe()
        with trio.fail_after(SCRAPE_SECONDS):
            return await trio.to_thread.run_sync(_expose, observed, abandon_on_cancel=True)

    async def observe(self) -> Observed:
        readings = await self.readings.latest()
        cells, glances = self._containers.cells(), []
        for at in range(0, len(cells), PIECE):
            glances += [glance(cell.record) for cell in cells[at : at + PIECE]]
            await trio.lowlevel.checkpoint()
        who = self._system.identity
        return Observed(
            engine=Engine(who.engine_id, who.version, who.commit, who.snapshotter),
            facts=self._system.facts,
            counts=self._containers.counts(),
            events=self._bus.published,
            subscribers=self._bus.listeners,
            tallies=self._containers.tallies,
            tree=self._tree(),
            lag=self._pulse.report(),
            containers=glances,
            dropped=self._logs.dropped(),
            readings=readings,
        )


def _expose(observed: Observed) -> tuple[bytes, str]:
    from engine.api.exposition import CONTENT_TYPE, expose  # with its library: for who is scraped

    return expose(observed), CONTENT_TYPE


def make_metrics(engine: Daemon) -> Metrics:
    rooms = engine.containers, engine.logs, engine.system
    return Metrics(
        Readings(engine.containers), rooms, engine.bus, lambda: engine.root.status(), engine.pulse
    )


def metrics_listeners(settings: Settings) -> list[Listener]:
    """Where dockerd has it: a socket for plugins, and the address that was asked for."""
    found: list[Listener] = [UnixListener(Path(settings.exec_root) / "metrics.sock", "0", 0o600)]
    if settings.metrics_addr:
        found.append(parse_address(settings.metrics_addr))
    return found


def metrics_server(engine: Daemon) -> Server:
    """Prometheus has no token: the address is the operator's own choice, as in dockerd."""
    settings = engine.settings
    app = create_app(lambda app: metrics.register(app, engine.metrics.scrape), version=VERSION)
    return Server(
        app,
        metrics_listeners(settings),
        greet=False,
        handover=engine.handover,
        limits=limits(settings),
    )

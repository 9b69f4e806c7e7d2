"""The system room: what /info and /version say, asked of who knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.adapters.host.programs import RuncVersion
from engine.domain.system.facade import System
from engine.errors import EngineError
from engine.wiring.identity import identity

if TYPE_CHECKING:
    from engine.daemon import Engine


def make_system(engine: Engine) -> System:
    def images() -> int:
        try:
            return len(engine.images.everything())
        except EngineError:
            return 0

    async def containerd() -> tuple[str, str]:
        try:
            return await engine.containerd.version()
        except EngineError:
            return "", ""

    return System(
        identity(engine.settings, engine.choices, engine.data.path, engine.address),
        engine.facts,
        census=engine.containers,
        images=images,
        listeners=lambda: engine.events.listeners,
        containerd=containerd,
        runc=RuncVersion("runc"),
        tallies=engine.containers.tallies,
        volume_drivers=engine.volumes.drivers,
        network_drivers=engine.networks.drivers,
        log_drivers=engine.logs.drivers,
    )

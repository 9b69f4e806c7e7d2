"""The system room, and what it asks of the others."""

from __future__ import annotations

from engine.adapters.containerd.client import Containerd
from engine.adapters.host.programs import RuncVersion
from engine.domain.containers.facade import Containers
from engine.domain.events.facade import Events
from engine.domain.images.facade import Images
from engine.domain.system.facade import Identity, System
from engine.domain.system.facts import Facts
from engine.errors import EngineError


def system_room(
    identity: Identity,
    facts: Facts,
    rooms: tuple[Containers, Images, Events, Containerd],
) -> System:
    containers, images, events, containerd = rooms

    def image_count() -> int:
        try:
            return len(images.everything())
        except EngineError:
            return 0

    async def containerd_version() -> tuple[str, str]:
        try:
            return await containerd.version()
        except EngineError:
            return "", ""

    return System(
        identity,
        facts,
        census=containers,
        images=image_count,
        listeners=lambda: events.listeners,
        containerd=containerd_version,
        runc=RuncVersion("runc"),
        tallies=containers.tallies,
    )

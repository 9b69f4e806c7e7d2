"""Everything that the containers room works with besides its own memory, in one place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.domain.containers.ports import RootFS, Runtime
from engine.domain.containers.records import Container
from engine.domain.containers.settings import RoomSettings
from engine.domain.events.facade import Batch, Intent, Journal, NewEvent
from engine.domain.images.facade import Images
from engine.domain.networks.facade import Networks


@dataclass(frozen=True)
class Outside:
    """`revive` puts a container's operator back under supervision; `log_options` are daemon defaults."""

    runtime: Runtime
    rootfs: RootFS
    journal: Journal
    images: Images
    networks: Networks
    settings: RoomSettings

    def directory(self, container_id: str) -> Path:
        return self.settings.data_root / "containers" / container_id

    async def emit(
        self, container: Container, action: str, extra: Mapping[str, str] | None = None
    ) -> None:
        await self.journal.commit(Batch(events=[event(container, action, extra)]))


def event(container: Container, action: str, extra: Mapping[str, str] | None = None) -> NewEvent:
    return NewEvent("container", action, container.id, {**container.attributes(), **(extra or {})})


def intent(kind: str, container: Container, **detail: object) -> Intent:
    return Intent(kind, container.id, detail)


__all__ = ["Awaitable", "Callable", "Outside", "event", "intent"]

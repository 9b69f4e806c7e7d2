"""Everything that an operator works with besides its own cell, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import trio

from engine.domain.containers.leavings import Leavings
from engine.domain.containers.oci.plan import User
from engine.domain.containers.ports import Files, Host, Leftovers, RootFS, Runtime
from engine.domain.containers.records import Container
from engine.domain.containers.registry import Registry
from engine.domain.containers.restarts import Schedule
from engine.domain.containers.sandbox import Sandboxes
from engine.domain.containers.settings import RoomSettings
from engine.domain.containers.volumes import ContainerVolumes
from engine.domain.events.facade import Batch, Intent, Journal, NewEvent
from engine.domain.images.facade import Images
from engine.domain.logs.facade import Logs
from engine.domain.streams.session import Holder
from engine.domain.system.tallies import Tallies


class Outside(msgspec.Struct):
    """`init_layers` and `users` remember what was found for an image, under the snapshots' names.

    `spared` are IDs whose records are damaged: nothing of theirs is swept away.
    `shutting_down` says that the ends of containers from now on are the daemon's wish, not their users'.
    """

    runtime: Runtime
    rootfs: RootFS
    leftovers: Leftovers
    files: Files
    host: Host
    journal: Journal
    images: Images
    sandboxes: Sandboxes
    volumes: ContainerVolumes
    settings: RoomSettings
    holder: Holder
    logs: Logs
    init_layers: set[str] = msgspec.field(default_factory=set)
    init_lock: trio.Lock = msgspec.field(default_factory=trio.Lock)
    users: dict[tuple[str, str, tuple[str, ...]], User] = msgspec.field(default_factory=dict)
    registry: Registry = msgspec.field(default_factory=Registry)
    leavings: Leavings = msgspec.field(default_factory=Leavings)
    restarts: Schedule = msgspec.field(default_factory=Schedule)
    tallies: Tallies = msgspec.field(default_factory=Tallies)
    shutting_down: bool = False
    spared: frozenset[str] = frozenset()

    def directory(self, container_id: str) -> Path:
        return self.settings.data_root / "containers" / container_id

    async def emit(
        self,
        container: Container,
        action: str,
        extra: Mapping[str, str] | None = None,
        *,
        durable: bool = True,
    ) -> None:
        batch = Batch(events=[event(container, action, extra)], durable=durable)
        await self.journal.commit(batch)


def event(
    container: Container, action: str, extra: Mapping[str, str] | None = None, *, once: str = ""
) -> NewEvent:
    """`once` names what can happen to this container only once."""
    attributes = {**container.attributes(), **(extra or {})}
    found = NewEvent("container", action, container.id, attributes)
    return found.once(f"{container.id} {once}") if once else found


def intent(kind: str, container: Container, **detail: object) -> Intent:
    return Intent(kind, container.id, detail)

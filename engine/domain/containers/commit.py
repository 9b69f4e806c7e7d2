"""Making an image of a container: it stands still while its changes are read, unless told otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress

import msgspec
import trio

from engine.domain.containers import merge
from engine.domain.containers.cell import Cell
from engine.domain.containers.contents import root_of
from engine.domain.containers.facade import Containers
from engine.domain.containers.outside import Outside, intent
from engine.domain.containers.records import Container, Status
from engine.domain.containers.room import Room
from engine.domain.events.facade import Batch
from engine.domain.images.facade import Commit
from engine.domain.system.tallies import CONTAINER
from engine.errors import Conflict, EngineError
from engine.models.containers import ContainerConfig
from engine.version import VERSION
from supervisors import Refusal, ServiceUnavailable

INTENT = "commit"
RESUME_PATIENCE = 10.0


class CommitRequest(msgspec.Struct, frozen=True):
    """`config` None is the container's own; `changes` are Dockerfile instructions on it."""

    reference: str
    repo: str = ""
    tag: str = ""
    comment: str = ""
    author: str = ""
    pause: bool = True
    changes: tuple[str, ...] = ()
    config: ContainerConfig | None = None


class Commits:
    def __init__(self, room: Room, containers: Containers) -> None:
        self._room = room
        self._containers = containers

    async def commit(self, request: CommitRequest) -> str:
        """The new image's ID. NotFound, InvalidParameter; Conflict while the container is removed."""
        with self._room.outside.tallies.timing(CONTAINER, "commit"):
            return await self._commit(request)

    async def _commit(self, request: CommitRequest) -> str:
        cell, outside = self._room.registry.resolve(request.reference), self._room.outside
        record = cell.record
        if record.state.status in (Status.REMOVING, Status.DEAD):
            raise Conflict(
                f"You cannot commit container {cell.id} which is being removed"
                if record.state.status is Status.REMOVING
                else f"You cannot commit container {cell.id} which is Dead"
            )
        images = outside.images
        name = images.target(request.repo, request.tag)
        changed = images.changed_config(request.config or record.config, request.changes)
        config = merge.merge_image(changed, record.config)
        async with self._standing_still(cell, wanted=request.pause):
            root = await root_of(cell, outside)
            async with aclosing(outside.files.layer(root)) as layer:
                image = await images.commit(
                    record.image_id, layer, _commit(record, request, config), name
                )
            extra = {"comment": request.comment, "imageID": image.id}
            extra["imageRef"] = image.names[0] if name and image.names else ""
            await outside.emit(record, "commit", extra)
        return image.id

    @asynccontextmanager
    async def _standing_still(self, cell: Cell, *, wanted: bool) -> AsyncIterator[None]:
        """Paused, with an intent that lets a daemon that starts after a crash resume the container."""
        outside = self._room.outside
        if not wanted or cell.record.state.status is not Status.RUNNING:
            yield
            return
        await outside.journal.commit(Batch(durable=False).open(intent(INTENT, cell.record)))
        try:
            await self._containers.pause(cell.id)
            yield
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + RESUME_PATIENCE):
                await self._resume(cell, outside)

    async def _resume(self, cell: Cell, outside: Outside) -> None:
        while cell.record.state.status is Status.PAUSED:
            try:
                await self._containers.unpause(cell.id)
            except ServiceUnavailable:  # its operator has crashed: the next one will do it
                await trio.sleep(0.1)
            except EngineError:
                break  # it has been killed or unpaused meanwhile
        with suppress(Refusal):
            await outside.journal.commit(Batch(durable=False).close(INTENT, cell.id))


def _commit(record: Container, request: CommitRequest, config: ContainerConfig) -> Commit:
    return Commit(
        config=config,
        container_config=record.config,
        container=record.id,
        created_by=" ".join(record.argv),
        author=request.author,
        comment=request.comment,
        engine_version=VERSION,
    )

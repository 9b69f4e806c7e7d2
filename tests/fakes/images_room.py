"""The images room as the daemon puts it together, over any containerd, with its events kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from engine.adapters.archive import StreamedArchives
from engine.domain.images.facade import Images
from engine.domain.images.removal import ImageUser
from tests.fakes.image_archives import chunks_of
from tests.fakes.registry import FakeRegistry, registries


@dataclass
class Room:
    images: Images
    events: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    containers: dict[str, list[ImageUser]] = field(default_factory=dict)

    async def emit(self, kind: str, action: str, id: str, attributes: dict[str, str]) -> None:
        assert kind == "image"
        self.events.append((action, id, attributes))

    def users(self, image_id: str) -> list[ImageUser]:
        return self.containers.get(image_id, [])

    async def load(self, data: bytes, *, quiet: bool = True) -> list[dict[str, Any]]:
        return [each async for each in self.images.load(chunks_of(data), quiet=quiet)]

    async def import_(self, data: bytes, **options: Any) -> str:
        (message,) = [each async for each in self.images.import_(chunks_of(data), **options)]
        return str(message["status"])

    async def save(self, *names: str) -> bytes:
        return b"".join([piece async for piece in self.images.save(names)])

    async def remove(self, name: str, *, force: bool = False) -> list[str]:
        items = await self.images.remove(name, users=self.users, force=force)
        return [each.untagged or each.deleted for each in items]

    async def pull(self, name: str, tag: str = "", **options: Any) -> list[dict[str, Any]]:
        async with self.images.pull(name, tag, **options) as messages:
            return [each async for each in messages]

    async def push(self, name: str, tag: str = "", **options: Any) -> list[dict[str, Any]]:
        async with self.images.push(name, tag, **options) as messages:
            return [each async for each in messages]

    def names(self) -> list[str]:
        return sorted(name for image in self.images.everything() for name in image.names)


@asynccontextmanager
async def images_room(
    stores: Any,
    *,
    engine_id: str = "test-engine",
    registry: FakeRegistry | None = None,
    reserve: Any = None,
) -> AsyncIterator[Room]:
    async def emit(kind: str, action: str, id: str, attributes: dict[str, str]) -> None:
        await room.emit(kind, action, id, attributes)

    images = Images(
        stores,
        StreamedArchives(),
        engine_id=engine_id,
        emit=emit,
        registries=registries(registry or FakeRegistry()),
        reserve=reserve,
    )
    room = Room(images)
    async with trio.open_nursery() as nursery:
        service = room.images.service()
        await nursery.start(lambda task_status: service.run(task_status=task_status))
        yield room
        await service.stop()

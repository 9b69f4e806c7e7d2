"""A data root in memory, and the storage room over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.domain.images.facade import Images, ImageUser
from engine.domain.storage.facade import Storage, StorageSettings
from engine.domain.storage.ports import Space, Unit
from engine.errors import SystemFailure

ENGINE_ID = "test-engine"


@dataclass
class FakeDisk:
    """`files` are sizes by path; a directory is what its files say."""

    files: dict[str, int] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    capacity: int = 1000
    free: int = 900
    busy: set[str] = field(default_factory=set)
    root: str = "/data"
    removed: list[str] = field(default_factory=list)

    async def survey(self, splits: Callable[[str], bool]) -> list[Unit]:
        found: dict[str, int] = {}
        for path, size in self.files.items():
            unit = ""
            for part in path.split("/"):
                if not splits(unit):
                    break
                unit = f"{unit}/{part}".lstrip("/")
            found[unit] = found.get(unit, 0) + size
        return [Unit(path, size) for path, size in found.items()]

    async def uploads(self) -> Mapping[str, str]:
        return self.refs

    async def space(self) -> Space:
        return Space(self.capacity, self.free)

    async def remove(self, path: str) -> None:
        if path in self.busy:
            raise SystemFailure("device or resource busy")
        self.removed.append(path)
        for file in [each for each in self.files if f"{each}/".startswith(f"{path}/")]:
            del self.files[file]


@dataclass
class Told:
    """The events of type storage, as (action, ID, attributes)."""

    events: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    async def __call__(self, action: str, id: str, attributes: dict[str, str]) -> None:
        self.events.append((action, id, attributes))


def nobody(image_id: str) -> list[ImageUser]:
    return []


def storage(
    disk: FakeDisk,
    stores: Any,
    images: Images,
    *,
    tell: Told | None = None,
    users: Callable[[str], list[ImageUser]] = nobody,
    containers: Iterable[str] = (),
    volumes: Iterable[str] = (),
    brooms: Iterable[Any] = (),
    **settings: Any,
) -> Storage:
    return Storage(
        StorageSettings(engine_id=ENGINE_ID, **settings),
        disk,
        stores,
        images,
        users=users,
        containers=lambda: containers,
        volumes=lambda: volumes,
        brooms=tuple(brooms),
        tell=tell or Told(),
    )

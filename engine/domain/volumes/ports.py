"""What the volumes room needs from outside: its records, and the directories on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from engine.domain.events.facade import NewEvent
from engine.domain.volumes.records import VolumeRecord
from engine.errors import SystemFailure
from engine.models.runtime import Mount


class NotADirectory(SystemFailure):
    """The image has a file where the volume is to be mounted; `path` is the file's own in the image."""

    def __init__(self, path: str) -> None:
        super().__init__(f"source {path} is not directory")
        self.path = path


class Survey(msgspec.Struct, frozen=True):
    """The volumes whose directory is there, whose content was put away, whose own mount is on."""

    present: frozenset[str] = frozenset()
    stowed: frozenset[str] = frozenset()
    mounted: frozenset[str] = frozenset()


class Store(Protocol):
    """Durable records. A removal's intent is open from `begin_removal` to `end_removal`."""

    async def load(self) -> list[VolumeRecord]: ...

    async def removing(self) -> list[str]: ...

    async def add(self, record: VolumeRecord, event: NewEvent) -> None: ...

    async def begin_removal(self, name: str) -> None: ...

    async def drop(self, name: str, event: NewEvent) -> None:
        """Forget the record, with its event in the same transaction."""
        ...

    async def end_removal(self, name: str) -> None: ...

    async def tell(self, event: NewEvent) -> None: ...

    async def begin_mount(self, name: str) -> None:
        """A plugin is about to be asked to mount the volume; open until `end_mount`."""
        ...

    async def end_mount(self, name: str) -> None: ...

    async def mounting(self) -> list[str]: ...


class Drivers(Protocol):
    """Volume drivers beside the local one, by name. Each call ends by its own deadline: NotFound for a driver
    that is not there, Unavailable for one that does not answer, SystemFailure with its own text."""

    async def need(self, driver: str) -> None: ...

    async def create(self, driver: str, name: str, options: Mapping[str, str]) -> None:
        """What is there already is fine."""
        ...

    async def remove(self, driver: str, name: str) -> None: ...

    async def mount(self, driver: str, name: str, caller: str) -> str:
        """Where the content is on the host now."""
        ...

    async def unmount(self, driver: str, name: str, caller: str) -> None: ...

    async def look(self, driver: str, name: str) -> RemoteVolume: ...

    def active(self) -> list[str]:
        """The names of the drivers in use."""
        ...


class RemoteVolume(msgspec.Struct, frozen=True, kw_only=True):
    """What a driver tells of a volume; `scope` is of the driver."""

    mountpoint: str = ""
    status: dict[str, object] | None = None
    scope: str = "local"


class Disk(Protocol):
    """The directories ROOT/NAME/_data. Every call ends by its own deadline; SystemFailure when the
    host refuses. All but `fill` and `mount` may be repeated."""

    def mountpoint(self, name: str) -> str: ...

    async def survey(self) -> Survey:
        """What is there. Copies that a crash interrupted are finished or undone: for the start alone."""
        ...

    async def make(self, name: str) -> None: ...

    async def stow(self, name: str) -> None:
        """Put the directory away in one step. SystemFailure while something is mounted in it."""
        ...

    async def bring_back(self, name: str) -> None: ...

    async def discard(self, name: str) -> None:
        """Delete what was put away."""
        ...

    async def is_empty(self, name: str) -> bool: ...

    async def size(self, name: str) -> int:
        """Bytes in files, each counted once."""
        ...

    async def fill(
        self, name: str, subpath: str, rootfs: Sequence[Mount], path: str, *, mounted: bool
    ) -> None:
        """Copy what the root file system has at `path` into the volume if that is empty.

        The directory's own owner and mode are taken too. Nothing happens where the path (or the
        subpath) doesn't exist; NotADirectory where it is a file. `mounted` says that the
        volume is a mount of its own.
        """
        ...

    async def mount(self, name: str, options: Mapping[str, str]) -> None: ...

    async def unmount(self, name: str) -> None: ...

    async def expose(self, name: str, subpath: str, point: str) -> None:
        """Bind a path below the volume, resolved inside it, to a mount point made for it."""
        ...

    async def conceal(self, point: str) -> None:
        """Take the mount point away; the mounts that were made from it stay."""
        ...

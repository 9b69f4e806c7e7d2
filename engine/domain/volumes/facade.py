"""All that other rooms may import of volumes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec
import trio

from engine.domain.containers.binds import MountSpec, source_missing
from engine.domain.names import generate_id

__all__ = ["Volumes"]


class Volumes:
    """The local driver: ROOT/volumes/NAME/_data."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def provide(self, mounts: Iterable[MountSpec]) -> list[MountSpec]:
        """The mounts with their sources on the host; InvalidParameter for a --mount without one."""
        return await trio.to_thread.run_sync(self._provide, list(mounts))

    def _provide(self, mounts: list[MountSpec]) -> list[MountSpec]:
        return [self._one(mount) for mount in mounts]

    def _one(self, mount: MountSpec) -> MountSpec:
        if mount.type == "bind":
            if not os.path.lexists(mount.source):
                if not mount.create_source:
                    raise source_missing(mount.source)
                os.makedirs(mount.source, mode=0o755, exist_ok=True)
            return mount
        if mount.type != "volume":
            return mount
        name = mount.name or generate_id()
        directory = self._root / name / "_data"
        directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        return msgspec.structs.replace(mount, name=name, source=str(directory))

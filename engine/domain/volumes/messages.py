"""What the volumes mailbox accepts."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from engine.domain.volumes.filters import Filters
from engine.domain.volumes.records import VolumeRecord, VolumeUse, VolumeWish
from engine.models.runtime import Mount
from engine.models.volumes import VolumePruneReport
from supervisors import Request


class Restore(Request[None], msgspec.Struct):
    uses: tuple[VolumeUse, ...]


class Create(Request[VolumeRecord], msgspec.Struct):
    wish: VolumeWish


class Provide(Request[list[VolumeRecord]], msgspec.Struct):
    """Create or use each one, on behalf of a container; all or none of the references."""

    container_id: str
    wishes: tuple[VolumeWish, ...]


class Release(Request[None], msgspec.Struct):
    """Let go of a container's references; `discard` are volumes to remove if nobody else has them."""

    container_id: str
    discard: tuple[str, ...] = ()


class Remove(Request[None], msgspec.Struct):
    name: str
    force: bool = False


class Prune(Request[VolumePruneReport], msgspec.Struct):
    filters: Filters


class Fill(Request[None], msgspec.Struct):
    """Copy-up: an empty volume takes what the image has at its destination."""

    container_id: str
    name: str
    subpath: str
    rootfs: Sequence[Mount]
    path: str


class MountAll(Request[None], msgspec.Struct):
    """Mount those of a container's volumes that are mounts of their own; all or none."""

    container_id: str
    names: tuple[str, ...]


class UnmountAll(Request[None], msgspec.Struct):
    container_id: str


Message = Restore | Create | Provide | Release | Remove | Prune | Fill | MountAll | UnmountAll

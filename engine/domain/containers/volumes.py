"""A container's mounts: their sources on the host, its volumes with their references, mounts and copy-up."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import trio

from engine.domain.containers.binds import MountSpec, source_missing
from engine.domain.containers.mountconfig import clean
from engine.domain.containers.oci.plan import SpecMount
from engine.domain.containers.records import Container
from engine.domain.events.facade import NewEvent
from engine.domain.names import generate_id
from engine.domain.volumes.facade import (
    NotADirectory,
    VolumeRecord,
    Volumes,
    VolumeUse,
    VolumeWish,
    mounted,
    unmounted,
)
from engine.errors import SystemFailure
from engine.models.mounts import MountPoint
from engine.models.runtime import Mount
from supervisors import Refusal

log = logging.getLogger(__name__)

ANONYMOUS_LABEL = "com.docker.volume.anonymous"


class ContainerVolumes:
    """Asks the volumes room in this room's terms. `points` is where parts of volumes are bound for a start."""

    def __init__(self, volumes: Volumes, points: Path) -> None:
        self._volumes = volumes
        self._points = points

    async def restore(self, containers: Iterable[Container]) -> None:
        """Hand over, once, what the records say of the volumes."""
        known = list(containers)
        await self._volumes.restore([_use(each) for each in known])
        for each in known:
            await self.conceal(each)

    async def take_back(self, container_id: str, names: Sequence[str]) -> None:
        """The anonymous volumes of a creation that a crash has cut off."""
        await self._volumes.release(container_id, names)

    async def provide(self, container_id: str, mounts: Sequence[MountSpec]) -> list[MountSpec]:
        """The mounts with names and sources. What is wrong with any is said before anything is made."""
        wanted = [mount for mount in mounts if mount.type == "volume"]
        for mount in wanted:
            await self._volumes.check(_wish(mount))
        if any(each.type == "bind" and not each.create_source for each in mounts):
            await trio.to_thread.run_sync(_check_binds, mounts)
        if not wanted:
            return list(mounts)
        records = await self._volumes.provide(container_id, [_wish(each) for each in wanted])
        found = iter(records)
        return [self._named(each, found) for each in mounts]

    def _named(self, mount: MountSpec, records: Iterable[VolumeRecord]) -> MountSpec:
        if mount.type != "volume":
            return mount
        record = next(iter(records))
        source = self._volumes.mountpoint(record.name)
        return msgspec.structs.replace(mount, name=record.name, driver=record.driver, source=source)

    async def release(
        self, container_id: str, mounts: Iterable[MountSpec], *, anonymous: bool
    ) -> None:
        """Drop the references, and with `anonymous` the container's own volumes that nobody else has."""
        own = [each for each in mounts if each.type == "volume"]
        discard = [each.name for each in own if each.anonymous] if anonymous else []
        if own:
            await self._volumes.release(container_id, discard)

    async def copy_up(
        self, container: Container, rootfs: Callable[[], Awaitable[Sequence[Mount]]]
    ) -> None:
        """Empty volumes take what the image has at their destinations. The root is asked for if it is needed."""
        root: Sequence[Mount] | None = None
        for mount in _volumes(container):
            if not mount.copy_up or not await self._volumes.may_be_filled(mount.name):
                continue
            root = root or await rootfs()
            try:
                await self._volumes.fill(
                    container.id, mount.name, mount.subpath, root, mount.destination
                )
            except NotADirectory as error:
                if not mount.anonymous:
                    raise
                raise SystemFailure(
                    f"cannot mount volume over existing file, file exists {error.path}"
                ) from error

    async def mount(self, container: Container) -> None:
        """Before a start: -v's host directories are made, volumes with options mounted, parts bound.

        SystemFailure with dockerd's texts.
        """
        if any(each.create_source for each in container.mounts):
            await trio.to_thread.run_sync(_make_binds, container.mounts)
        own = _volumes(container)
        if not own:
            return
        await self._volumes.mount(container.id, [each.name for each in own])
        for index, each in _parts(container):
            await self._volumes.expose(each.name, each.subpath, self.point(container.id, index))

    def has_options(self, container: Container) -> bool:
        """Whether any of its volumes is there only while it is mounted."""
        return any(self._volumes.needs_mount(each.name) for each in _volumes(container))

    async def conceal(self, container: Container) -> None:
        """Once the container has its mounts, the bound parts are no longer needed. Idempotent."""
        for index, _ in (*_parts(container), *_images(container)):
            await self._volumes.conceal(self.point(container.id, index))

    async def unmount(self, container: Container) -> None:
        """After the end of a run. Idempotent, and never in its way: what stays is logged."""
        if not _volumes(container) and not _images(container):
            return
        try:
            await self.conceal(container)
            await self._volumes.unmount(container.id)
        except Refusal as error:
            log.warning("volumes of container %s: %s", container.id, error)

    def spec_mounts(self, container: Container) -> tuple[SpecMount, ...]:
        return tuple(
            mount.spec_mount(
                self.point(container.id, index) if mount.type == "volume" and mount.subpath else ""
            )
            for index, mount in enumerate(container.mounts)
        )

    def point(self, container_id: str, index: int) -> str:
        """Where a part of a volume, or an image, is put: the same at each start, so that a spec made ahead holds."""
        return str(self._points / container_id / str(index))


def mount_events(container: Container) -> list[NewEvent]:
    return [
        mounted(
            each.name, each.driver, container.id, each.destination, read_only=each.read_only
        ).once(f"{_run(container)} mount {each.destination}")
        for each in _volumes(container)
    ]


def unmount_events(container: Container) -> list[NewEvent]:
    return [
        unmounted(each.name, each.driver, container.id).once(
            f"{_run(container)} unmount {each.destination}"
        )
        for each in _volumes(container)
    ]


def _run(container: Container) -> str:
    return f"{container.id} {container.state.generation}"


def _volumes(container: Container) -> list[MountSpec]:
    return [mount for mount in container.mounts if mount.type == "volume"]


def mount_points(container: Container) -> list[MountPoint]:
    """For inspect and lists; what --tmpfs mounts is only in HostConfig, as on dockerd."""
    hidden = {clean(each) for each in container.host.tmpfs}
    return [
        mount.mount_point()
        for mount in container.mounts
        if mount.type != "tmpfs" or mount.destination not in hidden
    ]


def _parts(container: Container) -> list[tuple[int, MountSpec]]:
    return [
        (index, mount)
        for index, mount in enumerate(container.mounts)
        if mount.type == "volume" and mount.subpath
    ]


def _images(container: Container) -> list[tuple[int, MountSpec]]:
    return [each for each in enumerate(container.mounts) if each[1].type == "image"]


def name_anonymous(mounts: Iterable[MountSpec]) -> tuple[list[MountSpec], list[str]]:
    """The mounts with names for their anonymous volumes, so that an intent can tell them before they are made."""
    found, names = [], []
    for mount in mounts:
        if mount.type == "volume" and not mount.name:
            mount = msgspec.structs.replace(mount, name=generate_id())
            names.append(mount.name)
        found.append(mount)
    return found, names


def _wish(mount: MountSpec) -> VolumeWish:
    labels = {**mount.labels, ANONYMOUS_LABEL: ""} if mount.anonymous else mount.labels
    return VolumeWish(
        name=mount.name,
        driver=mount.driver,
        labels=labels or None,
        options=mount.driver_options or None,
    )


def _use(container: Container) -> VolumeUse:
    return VolumeUse(
        container_id=container.id,
        # What a lost record is made from again.
        volumes=tuple(_wish(each) for each in _volumes(container)),
        running=container.state.alive,
        rebuild=container.state.removal is None,
    )


def _check_binds(mounts: Iterable[MountSpec]) -> None:
    for mount in mounts:
        if mount.type == "bind" and not mount.create_source and not os.path.lexists(mount.source):
            raise source_missing(mount.source)


def _make_binds(mounts: Iterable[MountSpec]) -> None:
    for mount in mounts:
        if mount.type == "bind" and mount.create_source and not os.path.lexists(mount.source):
            try:
                os.makedirs(mount.source, mode=0o755, exist_ok=True)
            except OSError as error:
                reason = os.strerror(error.errno or 0).lower()
                raise SystemFailure(
                    f"error while creating mount source path '{mount.source}': "
                    f"mkdir {error.filename}: {reason}"
                ) from error

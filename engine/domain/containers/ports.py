"""What the containers room needs from outside: the runtime, a rootfs, and the machine's facts.

The containerd adapter's services have these methods; times are unix nanoseconds, digests and chain
IDs `sha256:...`. Each raises NotFound, Conflict, Unavailable, DeadlineExceeded or SystemFailure.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

from engine.errors import NotFound
from engine.models.devices import DeviceNode
from engine.models.files import Change, Extraction, PathStat, Root
from engine.models.runtime import (
    ContainerInfo,
    ExitInfo,
    Mount,
    RuncOptions,
    SnapshotInfo,
    TaskInfo,
)


class Tasks(Protocol):
    async def create(
        self,
        container_id: str,
        *,
        rootfs: Sequence[Mount],
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
        options: RuncOptions | None = None,
    ) -> int: ...

    async def start(self, container_id: str, exec_id: str = "") -> int: ...

    async def exec(
        self,
        container_id: str,
        exec_id: str,
        *,
        spec: bytes,
        stdin: str = "",
        stdout: str = "",
        stderr: str = "",
        terminal: bool = False,
    ) -> None: ...

    async def kill(
        self, container_id: str, signal: int, *, exec_id: str = "", all: bool = False
    ) -> None: ...

    async def get(self, container_id: str, exec_id: str = "") -> TaskInfo: ...

    async def list(self) -> list[TaskInfo]: ...

    async def wait(self, container_id: str, exec_id: str = "") -> ExitInfo: ...

    async def delete(self, container_id: str) -> ExitInfo: ...

    async def delete_process(self, container_id: str, exec_id: str) -> ExitInfo: ...

    async def resize_pty(
        self, container_id: str, exec_id: str, width: int, height: int
    ) -> None: ...

    async def close_io(self, container_id: str, exec_id: str = "") -> None: ...

    async def pause(self, container_id: str) -> None: ...

    async def resume(self, container_id: str) -> None: ...

    async def pids(self, container_id: str) -> Sequence[int]: ...

    async def update(self, container_id: str, resources_json: bytes) -> None: ...

    async def checkpoint(
        self, container_id: str, *, image_path: str = "", exit: bool = False
    ) -> Sequence[object]:
        """Have criu write the processes down into a directory."""

    async def usage(self, container_id: str) -> tuple[int, dict[str, Any]]:
        """The cgroup version, and its numbers under the field names of containerd's metrics."""


class RuntimeContainers(Protocol):
    async def create(
        self,
        id: str,
        *,
        labels: Mapping[str, str],
        runtime: str,
        spec: bytes,
        snapshotter: str,
        snapshot_key: str,
        runtime_options: RuncOptions | None = None,
        image: str = "",
    ) -> ContainerInfo: ...

    async def update_spec(self, id: str, spec: bytes) -> ContainerInfo: ...

    async def update_labels(self, id: str, labels: Mapping[str, str]) -> ContainerInfo: ...

    async def list(self, *filters: str) -> Sequence[ContainerInfo]: ...

    async def delete(self, id: str) -> None: ...


class Snapshots(Protocol):
    async def prepare(
        self, key: str, parent: str = "", *, labels: Mapping[str, str] | None = None
    ) -> Sequence[Mount]: ...

    async def stat(self, key: str) -> SnapshotInfo: ...

    async def list(self, *filters: str) -> Sequence[SnapshotInfo]: ...

    async def mounts(self, key: str) -> Sequence[Mount]: ...

    async def commit(self, name: str, key: str, *, labels: Mapping[str, str]) -> None: ...

    async def remove(self, key: str) -> None: ...

    async def usage(self, key: str) -> tuple[int, int]:
        """Bytes and inodes of the snapshot itself."""


class RuntimeEvent(Protocol):
    """`payload` is a TaskExit, a TaskOOM, or something else."""

    @property
    def payload(self) -> object: ...


class Runtime(Protocol):
    """containerd, as this room sees it."""

    @property
    def tasks(self) -> Tasks: ...

    @property
    def containers(self) -> RuntimeContainers: ...

    @property
    def snapshots(self) -> Snapshots: ...

    def events(self, *filters: str) -> AbstractAsyncContextManager[AsyncIterator[RuntimeEvent]]: ...


class Host(Protocol):
    """The machine's processes and their counters."""

    async def ps(self, arguments: Sequence[str]) -> str:
        """The output of `ps`; SystemFailure with its complaint."""

    async def criu(self) -> str:
        """Why checkpoints cannot be made here; "" where criu works."""

    def cpu(self) -> tuple[int, int]:
        """Nanoseconds of all CPUs since boot, and how many are online."""

    async def devices(self, path: str = "") -> Sequence[DeviceNode]:
        """The node at a path, or those below it; without a path the whole machine's. OSError."""

    async def block_device(self, path: str) -> tuple[int, int]:
        """Major and minor number; SystemFailure when nothing is there."""

    def network(self, pid: int) -> dict[str, dict[str, int]]:
        """Counters by interface in the process's network namespace, without lo."""


class Files(Protocol):
    """What clients read of and write to containers' roots. `missing` is raised where nothing is."""

    async def make_places(self, root: Root) -> None:
        """Make the places that the root's binds stand on. Nothing may run in it meanwhile."""

    async def stat(self, root: Root, path: str, missing: NotFound) -> PathStat: ...

    def archive(self, root: Root, path: str, missing: NotFound) -> AsyncGenerator[bytes, None]: ...

    async def extract(
        self,
        root: Root,
        path: str,
        chunks: AsyncIterator[bytes],
        how: Extraction,
        missing: NotFound,
    ) -> None:
        """InvalidParameter for a bad archive, Forbidden for a target that is read-only."""

    def export(self, root: Root) -> AsyncGenerator[bytes, None]: ...

    async def changes(self, root: Root) -> list[Change]: ...

    def layer(self, root: Root) -> AsyncGenerator[bytes, None]:
        """The changes as an image layer's tar, uncompressed."""


class RootFS(Protocol):
    """Looks into and prepares a root file system that is not in use by a container."""

    async def read(self, mounts: Sequence[Mount], *paths: str) -> list[bytes]:
        """The files' contents (empty where missing), symlinks resolved inside the root."""

    async def read_running(self, pid: int, *paths: str) -> list[bytes]:
        """The same from the root of a running process."""

    async def mount_shm(self, path: Path, size: int) -> None:
        """A fresh tmpfs of `size` bytes for everybody; one that is there already goes."""

    async def unmount_shm(self, path: Path) -> None:
        """Idempotent; the directory goes too."""

    async def expose(self, layers: Sequence[Mount], own: Path, subpath: str, point: str) -> None:
        """Mount an image at `point`, or the directory in it that `subpath` is; what is written there goes to `own`.

        SystemFailure for a subpath that is none.
        """
        ...

    async def populate_init(self, mounts: Sequence[Mount]) -> None:
        """Make what every container's root has: .dockerenv, dev, proc, sys, etc/hosts and the like."""


class Leftovers(Protocol):
    """What containers leave on the host when the runtime has lost sight of them."""

    async def find(self) -> frozenset[str]:
        """The IDs of all containers, running ones too, of which there is something that is surely ours."""
        ...

    async def remove(self, container_id: str) -> None:
        """End and take away all that is there of one. Idempotent, and fails for nothing."""
        ...

    async def forget(self, container_id: str) -> None:
        """The little that can be there still when a container is removed whose task is deleted."""
        ...

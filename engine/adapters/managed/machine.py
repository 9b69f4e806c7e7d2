"""The Machine port: a plugin's blobs in containerd's content store, its root on a snapshot mounted on the host,
its task in the plugins' namespace.

The root is mounted here rather than by the shim: a volume that a plugin serves out of its own root is reached there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import trio

from engine.adapters.containerd import Containerd
from engine.adapters.managed.packing import take_apart
from engine.adapters.rootfs.mounting import mount_all
from engine.adapters.rootfs.syscalls import mount, unmount
from engine.adapters.volumes.mounts import is_mounted, mounts_at_or_below
from engine.domain.managed.records import LAYER_TYPE, Package, PluginRecord
from engine.errors import Conflict, EngineError, NotFound
from engine.models.runtime import Descriptor, Mount, RuncOptions

ROOT_LABEL = "containerd.io/gc.root"
ENGINE_LABEL = "io.trimaran.engine"
GRACE = 10.0
"""Seconds from TERM to KILL, and from there to giving up, as in dockerd."""
PIECE = 1 << 20
BIND, SHARED = 4096, 1 << 20  # linux/mount.h

Spec = Callable[[PluginRecord], bytes]


class HostMachine:
    """`spec` makes the runtime's specification of a plugin."""

    def __init__(
        self,
        containerd: Containerd,
        data: Path,
        sockets: Path,
        runc: Path,
        spec: Spec,
        engine_id: str,
    ) -> None:
        self._containerd = containerd
        self._data = data
        self._sockets = sockets
        self._runc = RuncOptions(root=str(runc))
        self._spec = spec
        # An empty label would be none.
        self._labels = {ROOT_LABEL: engine_id, ENGINE_LABEL: engine_id}

    def address(self, record: PluginRecord) -> str:
        return f"unix://{self.sockets(record.id)}/{record.config['Interface']['Socket']}"

    def sockets(self, plugin_id: str) -> Path:
        """Short: the path of a socket has at most 107 bytes."""
        return self._sockets / plugin_id[:16]

    def root(self, plugin_id: str) -> str:
        return str(self._data / plugin_id / "rootfs")

    def propagated(self, plugin_id: str) -> str:
        return str(self._data / plugin_id / "propagated-mount")

    async def pack(self, chunks: AsyncIterator[bytes]) -> tuple[bytes, Package]:
        await trio.to_thread.run_sync(
            lambda: self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        )
        place = Path(await trio.to_thread.run_sync(lambda: tempfile.mkdtemp(dir=self._data)))
        try:
            source, layer = place / "given.tar", place / "layer.tar.gz"
            async with await trio.open_file(source, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)
            config, diff_id, digest, size = await trio.to_thread.run_sync(take_apart, source, layer)
            await self._upload(layer, digest, size)
            config_digest = await self._put(config)
            return config, Package(config_digest, len(config), digest, size, diff_id)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(shutil.rmtree, place, True)

    async def install(self, plugin_id: str, package: Package) -> None:
        snapshots = self._containerd.snapshots
        layer = f"plugin-layer-{package.diff_id}"
        try:
            await snapshots.stat(layer)
        except NotFound:
            key = f"plugin-unpacking-{plugin_id}"
            mounts = await snapshots.prepare(key, "", labels=self._labels)
            blob = Descriptor(LAYER_TYPE, package.layer_digest, package.layer_size)
            await self._containerd.diff.apply(blob, mounts)
            with contextlib.suppress(Conflict):
                await snapshots.commit(layer, key, labels=self._labels)
        with contextlib.suppress(Conflict):
            await snapshots.prepare(f"plugin-{plugin_id}", layer, labels=self._labels)

    async def start(self, record: PluginRecord) -> None:
        tasks = self._containerd.tasks
        try:
            found = await tasks.get(record.id)
            if found.status == "running":
                return
            await tasks.delete(record.id)
        except NotFound:
            pass
        mounts = await self._containerd.snapshots.mounts(f"plugin-{record.id}")
        await trio.to_thread.run_sync(self._furnish, record, mounts)
        spec = await trio.to_thread.run_sync(self._spec, record)
        containers = self._containerd.containers
        try:
            await containers.create(
                record.id, labels=self._labels, runtime_options=self._runc, spec=spec
            )
        except Conflict:
            await containers.update_spec(record.id, spec)
        await tasks.create(record.id, rootfs=[], options=self._runc)
        await tasks.start(record.id)

    async def wait(self, plugin_id: str) -> int:
        return (await self._containerd.tasks.wait(plugin_id)).exit_status

    async def stop(self, plugin_id: str) -> None:
        tasks = self._containerd.tasks
        with contextlib.suppress(NotFound):
            for number in (signal.SIGTERM, signal.SIGKILL):
                with contextlib.suppress(NotFound):
                    await tasks.kill(plugin_id, number)
                with trio.move_on_after(GRACE) as waiting:
                    await tasks.wait(plugin_id)
                if not waiting.cancelled_caught:
                    break
            await tasks.delete(plugin_id)
        with contextlib.suppress(NotFound):
            await self._containerd.containers.delete(plugin_id)
        await trio.to_thread.run_sync(self._strip, plugin_id)

    async def remove(self, plugin_id: str, package: Package, *, shared: bool) -> None:
        snapshots, content = self._containerd.snapshots, self._containerd.content
        names = [f"plugin-{plugin_id}"]
        names += [] if shared else [f"plugin-layer-{package.diff_id}"]
        for name in names:
            with contextlib.suppress(NotFound, Conflict):
                await snapshots.remove(name)
        for digest in () if shared else (package.config_digest, package.layer_digest):
            with contextlib.suppress(EngineError):
                await content.delete(digest)
        await trio.to_thread.run_sync(shutil.rmtree, self._data / plugin_id, True)
        await trio.to_thread.run_sync(shutil.rmtree, self.sockets(plugin_id), True)

    async def _upload(self, path: Path, digest: str, size: int) -> None:
        content = self._containerd.content
        async with content.writer(f"plugin-{digest}", size=size, expected=digest) as writer:
            # containerd may have all of it, from another name or an upload that was cut off.
            async with await trio.open_file(path, "rb") as file:
                await file.seek(writer.offset)
                while piece := await file.read(PIECE):
                    await writer.write(piece)
            await writer.commit(size, digest, self._labels)
        await content.update_labels(digest, self._labels)

    async def _put(self, data: bytes) -> str:
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        content = self._containerd.content
        async with content.writer(f"plugin-{digest}", size=len(data), expected=digest) as writer:
            await writer.write(data[writer.offset :])
            await writer.commit(len(data), digest, self._labels)
        await content.update_labels(digest, self._labels)
        return digest

    def _furnish(self, record: PluginRecord, mounts: Sequence[Mount]) -> None:
        root, propagated = self.root(record.id), self.propagated(record.id)
        for path in (root, propagated, str(self.sockets(record.id))):
            os.makedirs(path, mode=0o711, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.address(record).removeprefix("unix://"))
        if not is_mounted(root):
            mount_all(mounts, root)
        if not is_mounted(propagated):
            # Shared, whatever it lies on, so that what the plugin mounts there is seen here.
            mount(propagated, propagated, "", BIND)
            mount("none", propagated, "", SHARED)

    def _strip(self, plugin_id: str) -> None:
        for point in (self.root(plugin_id), self.propagated(plugin_id)):
            for each in mounts_at_or_below(point):
                unmount(each)

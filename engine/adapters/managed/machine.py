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
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from pathlib import Path

import trio

from engine.adapters.containerd import Containerd
from engine.adapters.managed.packing import take_apart
from engine.adapters.rootfs.mounting import mount_all
from engine.adapters.rootfs.syscalls import mount, unmount
from engine.adapters.volumes.mounts import is_mounted, mounts_at_or_below
from engine.domain.images.facade import Report
from engine.domain.images.progress import layer_bar, layer_status
from engine.domain.managed.records import Package, PluginRecord
from engine.errors import Conflict, EngineError, InvalidParameter, NotFound
from engine.models.runtime import Descriptor, Mount, RuncOptions

ROOT_LABEL = "containerd.io/gc.root"
ENGINE_LABEL = "io.trimaran.engine"
GRACE = 10.0
"""Seconds from TERM to KILL, and from there to giving up, as in dockerd."""
PIECE = 1 << 20
LAYERS = "plugin-layer-"
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
        self._engine_id = engine_id
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

    async def pack(
        self, chunks: AsyncIterator[bytes], finish: Callable[[bytes, str], bytes]
    ) -> tuple[bytes, Package]:
        await self._make_home()
        place = Path(await trio.to_thread.run_sync(lambda: tempfile.mkdtemp(dir=self._data)))
        try:
            source, layer = place / "given.tar", place / "layer.tar.gz"
            async with await trio.open_file(source, "wb") as file:
                async for chunk in chunks:
                    await file.write(chunk)
            given, diff_id, digest, size = await trio.to_thread.run_sync(take_apart, source, layer)
            config = finish(given, diff_id)
            await self._upload(layer, digest, size)
            config_digest = await self._put(config)
            return config, Package(config_digest, len(config), digest, size, diff_id)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(shutil.rmtree, place, True)

    async def install(self, record: PluginRecord, report: Report) -> None:
        await self._make_home()
        package, snapshots = record.package, self._containerd.snapshots
        for digest in package.blobs:
            await self._containerd.content.update_labels(digest, self._labels)
        try:
            await snapshots.stat(package.layer_key)
        except NotFound:
            report(layer_bar(package.layer_digest, "Extracting", 0, package.layer_size))
            await self._unpack(record)
        size = package.layer_size
        report(layer_bar(package.layer_digest, "Extracting", size, size))
        with contextlib.suppress(Conflict):
            await snapshots.prepare(record.root_key, package.layer_key, labels=self._labels)
        report(layer_status(package.layer_digest, "Complete"))

    async def _unpack(self, record: PluginRecord) -> None:
        package, snapshots = record.package, self._containerd.snapshots
        key = f"plugin-unpacking-{record.id}"
        mounts = await snapshots.prepare(key, "", labels=self._labels)
        try:
            blob = Descriptor(package.layer_type, package.layer_digest, package.layer_size)
            applied = await self._containerd.diff.apply(blob, mounts)
            # dockerd writes the digest of the compressed layer there, which is as good: containerd has checked it.
            if package.diff_id not in (applied.digest, package.layer_digest):
                raise InvalidParameter(
                    f'invalid diffID for the layer: expected "{package.diff_id}", '
                    f'got "{applied.digest}"'
                )
            with contextlib.suppress(Conflict):
                await snapshots.commit(package.layer_key, key, labels=self._labels)
        finally:
            with trio.move_on_after(GRACE, shield=True), contextlib.suppress(EngineError):
                await snapshots.remove(key)

    async def _make_home(self) -> None:
        await trio.to_thread.run_sync(
            lambda: self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        )

    async def start(self, record: PluginRecord) -> None:
        tasks = self._containerd.tasks
        try:
            found = await tasks.get(record.id)
            if found.status == "running":
                return
            await tasks.delete(record.id)
        except NotFound:
            pass
        mounts = await self._containerd.snapshots.mounts(record.root_key)
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

    async def remove(self, record: PluginRecord, others: Collection[Package]) -> None:
        await self.discard(record, others)
        await trio.to_thread.run_sync(shutil.rmtree, self._data / record.id, True)
        await trio.to_thread.run_sync(shutil.rmtree, self.sockets(record.id), True)

    async def discard(self, record: PluginRecord, others: Collection[Package]) -> None:
        package = record.package
        names = [record.root_key]
        if all(each.diff_id != package.diff_id for each in others):
            names.append(package.layer_key)
        await self._remove_snapshots(names)
        kept = {digest for each in others for digest in each.blobs}
        await self._remove_blobs(digest for digest in package.blobs if digest not in kept)

    async def sweep(self, records: Collection[PluginRecord]) -> None:
        if not await trio.to_thread.run_sync(self._data.exists):
            return  # never was a plugin here
        ours = f'labels."{ENGINE_LABEL}"=="{self._engine_id}"'
        known = {each.id for each in records}
        for container in await self._containerd.containers.list(ours):
            if container.id not in known:
                await self.stop(container.id)
        kept = {digest for each in records for digest in each.package.blobs}
        content = [each.digest for each in await self._containerd.content.list(ours)]
        layers = {each.package.layer_key for each in records}
        roots = {each.root_key for each in records}
        found = [each.name for each in await self._containerd.snapshots.list(ours)]
        left = [each for each in found if each not in layers | roots]
        # Layers last: what stands on one keeps it.
        await self._remove_snapshots(sorted(left, key=lambda name: name.startswith(LAYERS)))
        await self._remove_blobs(digest for digest in content if digest not in kept)
        await trio.to_thread.run_sync(self._sweep_home, known)

    def _sweep_home(self, known: Collection[str]) -> None:
        for entry in os.scandir(self._data):
            if entry.name not in known:
                for each in mounts_at_or_below(entry.path):
                    unmount(each)
                shutil.rmtree(entry.path, ignore_errors=True)

    async def _remove_snapshots(self, names: Iterable[str]) -> None:
        for name in names:
            with contextlib.suppress(NotFound, Conflict):
                await self._containerd.snapshots.remove(name)

    async def _remove_blobs(self, digests: Iterable[str]) -> None:
        for digest in digests:
            with contextlib.suppress(EngineError):
                await self._containerd.content.delete(digest)

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

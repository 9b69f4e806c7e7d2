"""What is inside containers, for clients: paths and archives, changes, export (row 70).

Transfers run in the caller's task and end with it. A container that runs is looked at through its
process; one that does not is put together from its layers, and cannot start while it is written to.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import trio

from engine.domain.containers import users
from engine.domain.containers.cell import Cell
from engine.domain.containers.checkpoints import Checkpoints
from engine.domain.containers.oci.plan import User
from engine.domain.containers.outside import Outside
from engine.domain.containers.prepare import root_snapshot
from engine.domain.containers.records import Container
from engine.domain.containers.room import Room
from engine.domain.system.tallies import CONTAINER
from engine.errors import InvalidParameter, NotFound
from engine.models.files import Bind, Change, Extraction, PathStat, Root

UNMOUNT_PATIENCE = 10.0


class Contents:
    """References are an ID, a name, or a unique prefix of an ID."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self.checkpoints = Checkpoints(room)

    async def stat(self, reference: str, path: str) -> PathStat:
        """NotFound for the container or for the path."""
        cell, outside = self._cell(reference, path), self._room.outside
        async with seen(cell, outside) as root:
            return await outside.files.stat(root, path, missing(reference, path))

    async def archive(self, reference: str, path: str) -> AsyncGenerator[bytes, None]:
        """A tar of the path; what is wrong comes before the first piece."""
        cell, outside = self._cell(reference, path), self._room.outside
        await outside.emit(cell.record, "archive-path")
        async with seen(cell, outside) as root:
            archive = outside.files.archive(root, path, missing(reference, path))
            async with aclosing(archive) as pieces:
                async for piece in pieces:
                    yield piece

    async def extract(
        self,
        reference: str,
        path: str,
        chunks: AsyncIterator[bytes],
        *,
        keep_kinds: bool,
        as_user: bool,
    ) -> None:
        """Unpack into the directory `path`; with `as_user` everything becomes the container's user's."""
        cell, outside = self._cell(reference, path), self._room.outside
        async with written(cell, outside) as root:
            owner = await _owner(cell.record, root, outside) if as_user else None
            how = Extraction(owner=owner, keep_kinds=keep_kinds)
            await outside.files.extract(root, path, chunks, how, missing(reference, path))
        await outside.emit(cell.record, "extract-to-dir")

    async def export(self, reference: str) -> AsyncGenerator[bytes, None]:
        """The root file system without volumes."""
        cell, outside = self._room.registry.resolve(reference), self._room.outside
        root = await root_of(cell, outside)
        await outside.emit(cell.record, "export")
        async with aclosing(outside.files.export(root)) as pieces:
            async for piece in pieces:
                yield piece

    async def changes(self, reference: str) -> list[Change]:
        cell, outside = self._room.registry.resolve(reference), self._room.outside
        with outside.tallies.timing(CONTAINER, "changes"):
            return await outside.files.changes(await root_of(cell, outside))

    def _cell(self, reference: str, path: str) -> Cell:
        if not path:
            raise InvalidParameter("bad parameter: path cannot be empty")
        if "\0" in path:
            raise InvalidParameter("bad parameter: path cannot contain a NUL byte")
        return self._room.registry.resolve(reference)


def missing(reference: str, path: str) -> NotFound:
    return NotFound(f"Could not find the file {path} in container {reference}")


async def root_of(cell: Cell, outside: Outside) -> Root:
    """The root as it is now: of the process that runs, or of the layers."""
    record = cell.record
    mounts = tuple(await root_snapshot(record, outside))
    record = cell.record  # it may have started meanwhile
    pid = record.state.pid if record.state.alive else 0
    return Root(
        id=record.id,
        mounts=mounts,
        pid=pid,
        binds=() if pid else binds(record, outside.directory(record.id)),
        read_only=record.host.readonly_rootfs,
    )


async def reachable(cell: Cell, outside: Outside) -> Root:
    """The same, with places for what is mounted also in a container that has never run."""
    root = await root_of(cell, outside)
    if root.pid or not root.binds or cell.record.state.generation or cell.places_made:
        return root
    async with cell.slot:
        root = await root_of(cell, outside)
        if not root.pid:
            await outside.files.make_places(root)
            cell.places_made = True
    return root


@asynccontextmanager
async def seen(cell: Cell, outside: Outside) -> AsyncIterator[Root]:
    """A root to look at. Only volumes that have to be mounted for it keep the container from starting."""
    root = await reachable(cell, outside)
    if root.pid or not outside.volumes.has_options(cell.record):
        yield root
        return
    async with written(cell, outside) as held:
        yield held


@asynccontextmanager
async def written(cell: Cell, outside: Outside) -> AsyncIterator[Root]:
    """A root to write to: a container that does not run keeps its slot, so that nothing starts in it."""
    root = await reachable(cell, outside)
    if root.pid:
        yield root
        return
    async with cell.slot:
        root = await root_of(cell, outside)
        if root.pid:
            yield root
            return
        await outside.volumes.mount(cell.record)
        try:
            yield root
        finally:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + UNMOUNT_PATIENCE):
                await outside.volumes.unmount(cell.record)


def binds(record: Container, directory: Path) -> tuple[Bind, ...]:
    """Volumes and host paths, and the files that the daemon keeps for the container."""
    own = {mount.destination for mount in record.mounts}
    kept = [
        Bind(str(directory / name), f"/etc/{name}")
        for name in ("hosts", "hostname", "resolv.conf")
        if f"/etc/{name}" not in own
    ]
    mounted = [
        Bind(mount.source, mount.destination, mount.read_only)
        for mount in record.mounts
        if mount.type in ("bind", "volume") and mount.source and not mount.subpath
    ]
    return (*kept, *mounted)


async def _owner(record: Container, root: Root, outside: Outside) -> tuple[int, int]:
    user = await user_in(record, root, outside)
    return user.uid, user.gid


async def user_in(record: Container, root: Root, outside: Outside) -> User:
    names = ("etc/passwd", "etc/group")
    if root.pid:
        passwd, group = await outside.rootfs.read_running(root.pid, *names)
    else:
        passwd, group = await outside.rootfs.read(root.mounts, *names)
    found = users.resolve(record.config.user, passwd, group, ())
    return User(found.uid, found.gid, found.groups)

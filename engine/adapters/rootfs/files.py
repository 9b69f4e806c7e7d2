"""The Files port: describing, copying out of and into, comparing and packing containers' roots."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import IO, TypeVar

import trio

from engine.adapters.archive.compression import decompressed
from engine.adapters.rootfs import changes, paths
from engine.adapters.rootfs.layers import layers
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.tarring import TarWriter
from engine.adapters.rootfs.threads import consumed, produced
from engine.adapters.rootfs.trees import bare, make_places, whole
from engine.adapters.rootfs.untarring import unpack
from engine.errors import Forbidden, InvalidParameter, NotFound
from engine.models.files import Change, Extraction, PathStat, Root

T = TypeVar("T")
DEADLINE = 60.0


class HostFiles:
    """Mounts what is not running below `scratch`, for the blink of an eye."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    async def make_places(self, root: Root) -> None:
        """Make the places of the root's binds. Nothing may run in it meanwhile."""
        await _soon(partial(make_places, root, self._scratch))

    async def stat(self, root: Root, path: str, missing: NotFound) -> PathStat:
        """`missing` is raised when nothing is there."""
        return await _soon(partial(self._stat, root, path, missing))

    def _stat(self, root: Root, path: str, missing: NotFound) -> PathStat:
        wanted = paths.absolute(path)
        with (
            whole(root, self._scratch) as fd,
            paths.located(fd, wanted, missing) as place,
            paths.looked_up(path, missing),  # it may have gone since it was found
        ):
            return paths.describe(fd, wanted, place)

    def archive(self, root: Root, path: str, missing: NotFound) -> AsyncGenerator[bytes, None]:
        """The path, and all that is below it, as a tar; named by its last part."""
        return produced(partial(self._archive, root, path, missing))

    def _archive(self, root: Root, path: str, missing: NotFound, out: int) -> None:
        wanted = paths.absolute(path)
        with whole(root, self._scratch) as fd, paths.located(fd, wanted, missing) as place:
            writer = TarWriter(out)
            with paths.looked_up(path, missing):  # it may have gone since it was found
                writer.add_tree(place.directory, place.name, paths.base(wanted))
            writer.finish()

    async def extract(
        self,
        root: Root,
        path: str,
        chunks: AsyncIterator[bytes],
        how: Extraction,
        missing: NotFound,
    ) -> None:
        """Unpack a tar, compressed or not, into the directory `path`. Forbidden where it is read-only."""
        await _soon(partial(self._check_target, root, path, missing))
        await consumed(decompressed(chunks), partial(self._extract, root, path, how))

    def _check_target(self, root: Root, path: str, missing: NotFound) -> None:
        with whole(root, self._scratch) as fd:
            with paths.looked_up(path, missing):
                target = open_in_root(fd, paths.absolute(path), os.O_PATH)
            try:
                _check_directory(root, fd, target)
            finally:
                os.close(target)

    def _extract(self, root: Root, path: str, how: Extraction, source: IO[bytes]) -> None:
        with whole(root, self._scratch, writable=True) as fd:
            unpack(source, fd, paths.absolute(path).removesuffix("/."), how)

    def export(self, root: Root) -> AsyncGenerator[bytes, None]:
        """The root file system without what is mounted in it, as a tar."""
        return produced(partial(self._export, root))

    def _export(self, root: Root, out: int) -> None:
        with bare(root, self._scratch) as fd:
            writer = TarWriter(out)
            writer.add_children(fd)
            writer.finish()

    async def changes(self, root: Root) -> list[Change]:
        return await _soon(lambda: changes.changes(layers(root.mounts)))

    def layer(self, root: Root) -> AsyncGenerator[bytes, None]:
        """The changes as an image layer's tar."""
        return produced(lambda out: changes.write_layer(layers(root.mounts), out))


def _check_directory(root: Root, fd: int, target: int) -> None:
    if not stat.S_ISDIR(os.fstat(target).st_mode):
        raise InvalidParameter("extraction point is not a directory")
    own = os.fstat(target).st_dev == os.fstat(fd).st_dev
    if own and root.read_only:
        raise Forbidden("container rootfs is marked read-only")
    if not own and os.fstatvfs(target).f_flag & os.ST_RDONLY:
        raise Forbidden("mounted volume is marked read-only")


async def _soon(work: Callable[[], T]) -> T:
    with trio.fail_after(DEADLINE):
        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)

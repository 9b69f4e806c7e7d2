"""The Workshop port: where builds' files lie, and the threads that copy them into layers."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO

import trio

from engine.adapters.archive.compression import decompressed
from engine.adapters.builds.merging import Later
from engine.adapters.builds.placing import fill_all, make_directory, place_all
from engine.adapters.builds.sums import Sums
from engine.adapters.builds.trees import DiskTree
from engine.adapters.rootfs.changes import write_layer
from engine.adapters.rootfs.layers import Layers, layers, read_only
from engine.adapters.rootfs.mounting import mounted
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.threads import consumed, produced
from engine.adapters.rootfs.untarring import unpack
from engine.domain.builds.ports import Order, Picked, Tree
from engine.domain.images.ports import Reserve
from engine.errors import InvalidParameter
from engine.models.files import Extraction
from engine.models.runtime import Mount

__all__ = ["HostWorkshop"]

PREFIX = "build-"
LIMIT = 64 << 30
DEADLINE = 60.0
COPY_DEADLINE = 1800.0


class HostWorkshop:
    """Below `directory`, which is this engine's alone; `scratch` is where roots are mounted for a moment.

    `limit` is how many bytes a context, and what an ADD finds packed in it, may unpack to; `reserve` is
    asked for each of them.
    """

    def __init__(
        self,
        directory: Path,
        scratch: Path,
        *,
        snapshotter: str = "overlayfs",
        limit: int = LIMIT,
        reserve: Reserve | None = None,
    ) -> None:
        self._overlay = snapshotter == "overlayfs"
        self._directory = directory
        self._scratch = scratch
        self._limit = limit
        self._reserve = reserve

    @asynccontextmanager
    async def receive(
        self, build_id: str, chunks: AsyncIterator[bytes], name: str = "context"
    ) -> AsyncIterator[DiskTree]:
        path = self._place(build_id, name)
        sums = Sums()
        root = await trio.to_thread.run_sync(_made, path)
        try:
            async with (
                aclosing(decompressed(chunks)) as plain,
                aclosing(_counted(plain, self._count("the build context"))) as measured,
            ):
                await consumed(measured, partial(_unpack, root, sums))
            yield DiskTree(root, sums.found, context=True)
        finally:
            os.close(root)

    @asynccontextmanager
    async def directory(self, build_id: str, name: str) -> AsyncIterator[tuple[str, DiskTree]]:
        path = self._place(build_id, name)
        root = await trio.to_thread.run_sync(_made, path)
        try:
            yield str(path), DiskTree(root, context=True, count=self._count("a download"))
        finally:
            os.close(root)

    @asynccontextmanager
    async def below(self, build_id: str, name: str, path: str) -> AsyncIterator[DiskTree]:
        root = await trio.to_thread.run_sync(_opened_below, self._place(build_id, name), path)
        try:
            yield DiskTree(root, context=True)
        finally:
            os.close(root)

    async def program(self, build_id: str, name: str, file: str, data: bytes) -> str:
        place = self._place(build_id, name)
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(_write_program, place, file, data)
        return str(place)

    @asynccontextmanager
    async def root(self, mounts: Sequence[Mount]) -> AsyncIterator[DiskTree]:
        opened = mounted(read_only(mounts), self._scratch)
        root = await trio.to_thread.run_sync(opened.__enter__)
        try:
            yield DiskTree(root, context=False)
        finally:
            opened.__exit__(None, None, None)

    async def copy(
        self, tree: Tree, picked: Sequence[Picked], mounts: Sequence[Mount], order: Order
    ) -> None:
        assert isinstance(tree, DiskTree)
        with trio.fail_after(COPY_DEADLINE):
            await trio.to_thread.run_sync(self._copy, tree, list(picked), mounts, order)

    def _copy(
        self, tree: DiskTree, picked: list[Picked], mounts: Sequence[Mount], order: Order
    ) -> None:
        later, count = self._later(tree, mounts), self._count("an archive")
        while picked:
            with mounted(mounts, self._scratch) as root:
                picked = place_all(tree, picked, root, order, later, count)
            if later is not None:
                fill_all(later)

    def _later(self, tree: DiskTree, mounts: Sequence[Mount]) -> Later | None:
        """For files that are a build's own, on a snapshotter whose layers are directories."""
        if not tree.private or not self._overlay:
            return None
        return Later(self._layers(mounts).upper)

    def _count(self, what: str) -> Callable[[int], None]:
        """To be told each piece's size; InvalidParameter over the limit, SystemFailure on a full disk."""
        total = 0

        def count(size: int) -> None:
            nonlocal total
            total += size
            if total > self._limit:
                raise InvalidParameter(f"{what} comes to more than {self._limit} bytes")
            if self._reserve is not None:
                self._reserve.check(size)

        return count

    async def make_directory(self, mounts: Sequence[Mount], path: str) -> None:
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(self._make_directory, mounts, path)

    def _make_directory(self, mounts: Sequence[Mount], path: str) -> None:
        with mounted(mounts, self._scratch) as root:
            os.close(make_directory(root, path))

    async def move(self, source: Sequence[Mount], target: Sequence[Mount]) -> None:
        with trio.fail_after(DEADLINE):
            await trio.to_thread.run_sync(
                _move, self._layers(source).upper, self._layers(target).upper
            )

    def layer(self, mounts: Sequence[Mount]) -> AsyncGenerator[bytes, None]:
        return produced(lambda out: write_layer(self._layers(mounts), out))

    def _layers(self, mounts: Sequence[Mount]) -> Layers:
        """An overlay's first layer of all is a directory alone, bound where the root is to be."""
        if self._overlay and len(mounts) == 1 and mounts[0].type == "bind":
            return Layers(mounts[0].source, ())
        return layers(mounts)

    async def discard(self, build_id: str) -> None:
        place = self._directory / f"{PREFIX}{build_id}"
        await trio.to_thread.run_sync(partial(shutil.rmtree, place, ignore_errors=True))

    async def left_over(self) -> Sequence[str]:
        return await trio.to_thread.run_sync(
            lambda: [each.name.removeprefix(PREFIX) for each in self._directory.glob(f"{PREFIX}*")]
        )

    def _place(self, build_id: str, name: str) -> Path:
        return self._directory / f"{PREFIX}{build_id}" / name


def _made(path: Path) -> int:
    path.mkdir(mode=0o700, parents=True)
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _write_program(place: Path, name: str, data: bytes) -> None:
    """For everybody: the step's user may be any."""
    place.mkdir(parents=True)
    place.chmod(0o755)
    with open(place / name, "xb") as file:
        file.write(data)
        os.fchmod(file.fileno(), 0o755)


def _opened_below(place: Path, path: str) -> int:
    above = os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_in_root(above, f"/{path}", os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise InvalidParameter(f"{path}: {(error.strerror or '').lower()}") from error
    finally:
        os.close(above)


def _unpack(root: int, sums: Sums, source: IO[bytes]) -> None:
    unpack(source, root, "/", Extraction(clamp=True), sums)


def _move(source: str, target: str) -> None:
    for name in os.listdir(source):
        os.rename(os.path.join(source, name), os.path.join(target, name))


async def _counted(
    chunks: AsyncGenerator[bytes, None], count: Callable[[int], None]
) -> AsyncGenerator[bytes, None]:
    async for chunk in chunks:
        count(len(chunk))
        yield chunk

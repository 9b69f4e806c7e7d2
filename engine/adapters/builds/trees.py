"""Trees to copy from: found by dockerd's rules for COPY's sources, hashed, never left by a link."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import IO

import trio

from engine.adapters.builds.sums import file_hash, list_hash
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.rootfs.paths import link_target
from engine.domain.builds.ports import Picked
from engine.domain.images.globs import matches
from engine.errors import InvalidParameter, NotFound, SystemFailure

__all__ = ["DiskTree"]

MISSING = (
    "file not found in build context or excluded by .dockerignore: stat {}: file does not exist"
)


class DiskTree:
    """Below the descriptor `root`, which stays the caller's. `sums` are known hashes; without, files are hashed.

    `context`: what is missing was perhaps left out by .dockerignore. `count` is told what is stored, and may
    refuse more.
    """

    def __init__(
        self,
        root: int,
        sums: Mapping[str, str] | None = None,
        *,
        context: bool,
        count: Callable[[int], None] | None = None,
    ) -> None:
        self.root = root
        self._count = count
        self._sums = sums
        self._context = context
        self._found: dict[str, tuple[Picked, ...]] = {}

    @property
    def private(self) -> bool:
        """Whether its files are this build's alone, rather than an image's."""
        return self._context

    async def pick(self, source: str) -> tuple[Picked, ...]:
        if source not in self._found or self._context:
            work = partial(self._pick, source)
            self._found[source] = await trio.to_thread.run_sync(work, abandon_on_cancel=True)
        return self._found[source]

    async def read(self, path: str, limit: int) -> bytes:
        return await trio.to_thread.run_sync(self._read, path, limit)

    async def remove(self, path: str) -> None:
        await trio.to_thread.run_sync(self._remove, path)

    async def add(self, name: str, data: bytes) -> Picked:
        return await trio.to_thread.run_sync(self._add, name, data)

    async def store(self, name: str, chunks: AsyncIterator[bytes], modified: int) -> Picked:
        file = await trio.to_thread.run_sync(self._opened, name)
        try:
            async for chunk in chunks:
                if self._count is not None:
                    self._count(len(chunk))
                await trio.to_thread.run_sync(file.write, chunk)
        finally:
            await trio.to_thread.run_sync(file.close)
        return await trio.to_thread.run_sync(self._stored, name, modified)

    def place(self, path: str) -> str:
        """Where this path of the tree is for the host, all links followed inside."""
        return self._host(link_target(self.root, _absolute(path)).lstrip("/"))

    def _host(self, relative: str) -> str:
        return f"/proc/self/fd/{self.root}/{relative}"

    def _pick(self, source: str) -> tuple[Picked, ...]:
        path = source.removeprefix("/").removeprefix("./")
        if _is_pattern(path):
            pattern = posixpath.normpath(path)
            try:
                found = [each for each in self._walk("") if matches(pattern, each)]
            except InvalidParameter:  # no pattern at all, which dockerd lets match nothing
                found = []
            return tuple(self._one(each) for each in found)
        return (self._one(path),)

    def _one(self, path: str) -> Picked:
        if posixpath.normpath(path).split("/")[0] == "..":
            raise InvalidParameter(f"forbidden path outside the build context: {path} ()")
        try:
            state = os.stat(place := self.place(path))
        except OSError as error:
            raise self._missing(path) from error
        if not stat.S_ISDIR(state.st_mode):
            return Picked(path, f"file:{self._hash(path)}")
        below = place.removeprefix(self._host("")).rstrip("/")
        hashes = [] if below in ("", ".") else [self._hash(below)]
        hashes += [self._hash(each) for each in self._walk(below)]
        return Picked(path, list_hash("dir", sorted(hashes)))

    def _missing(self, path: str) -> NotFound:
        clean = posixpath.normpath("/" + path).lstrip("/")
        return NotFound(
            MISSING.format(clean) if self._context else f"stat {clean}: file does not exist"
        )

    def _hash(self, path: str) -> str:
        """Of what the path leads to."""
        relative = posixpath.normpath(path or ".")
        if os.path.islink(self._host(relative)):
            relative = link_target(self.root, _absolute(relative)).lstrip("/") or "."
            if not os.path.lexists(self._host(relative)):
                return path  # it leads nowhere: dockerd takes the path itself
        elif self._sums is None or relative not in self._sums:
            relative = link_target(self.root, _absolute(relative)).lstrip("/") or "."
        if self._sums is not None:
            return self._sums.get(relative, path)
        return file_hash(self._host(relative), relative)

    def _walk(self, top: str) -> Iterator[str]:
        """Everything below, parents first, in the order of names; links are not followed."""
        with os.scandir(self._host(top)) as entries:
            found = sorted(entries, key=lambda each: each.name)
        for entry in found:
            path = f"{top}/{entry.name}" if top else entry.name
            yield path
            if entry.is_dir(follow_symlinks=False):
                yield from self._walk(path)

    def _read(self, path: str, limit: int) -> bytes:
        try:
            fd = open_in_root(self.root, _absolute(path), os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise NotFound(f"open {path}: {(error.strerror or '').lower()}") from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise InvalidParameter(f"read {path}: is a directory")
        with open(fd, "rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            raise InvalidParameter(f"{path} is larger than {limit} bytes")
        return data

    def _remove(self, path: str) -> None:
        parent, _, name = _absolute(path).rpartition("/")
        try:
            fd = open_in_root(self.root, parent or "/", os.O_PATH | os.O_DIRECTORY)
        except OSError:
            return
        try:
            os.unlink(name, dir_fd=fd)
        except OSError:
            return
        finally:
            os.close(fd)

    def _opened(self, name: str) -> IO[bytes]:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        return open(os.open(name, flags, 0o600, dir_fd=self.root), "wb")

    def _stored(self, name: str, modified: int) -> Picked:
        os.utime(name, (modified, modified), dir_fd=self.root)
        return Picked(name, file_hash(self._host(name), name), whole=True)

    def _add(self, name: str, data: bytes) -> Picked:
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC
        try:
            fd = os.open(name, flags, 0o644, dir_fd=self.root)
        except OSError as error:
            raise SystemFailure(f"{name}: {error.strerror}") from error
        with open(fd, "wb") as file:
            os.fchmod(fd, 0o644)
            file.write(data)
        return Picked(name, f"file:{file_hash(self._host(name), name)}", whole=True)


def _absolute(path: str) -> str:
    return posixpath.normpath("/" + path)


def _is_pattern(path: str) -> bool:
    """Whether a `*`, `?` or `[` stands in it that no backslash takes its meaning from."""
    escaped = False
    for char in path:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "*?[":
            return True
    return False

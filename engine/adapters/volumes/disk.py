"""The Disk port: volumes below one directory of the host, each call in a worker thread with a deadline."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import trio

from engine.adapters.rootfs.mounting import mounted as mounted_root
from engine.adapters.rootfs.openat2 import open_in_root
from engine.adapters.volumes.directories import DATA, Directories
from engine.adapters.volumes.filling import directory, fill, is_empty, recover
from engine.adapters.volumes.mounts import bind_inside, mount_volume, release_point
from engine.domain.volumes.ports import Survey
from engine.errors import DeadlineExceeded, SystemFailure
from engine.models.runtime import Mount

T = TypeVar("T")

QUICK = 30.0
MOUNT = 60.0
CONTENT = 3600.0
# A network file system that hangs must not use up everybody's threads.
THREADS = 16


class HostDisk:
    """`root` holds the volumes; `scratch` is a directory of ours for moments of mounting."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self._directories = Directories(root.resolve())
        self._scratch = scratch
        self._threads = trio.CapacityLimiter(THREADS)

    def mountpoint(self, name: str) -> str:
        return str(self._directories.data(name))

    async def survey(self) -> Survey:
        return await self._thread(QUICK, self._survey)

    async def make(self, name: str) -> None:
        await self._thread(QUICK, self._directories.make, name)

    async def stow(self, name: str) -> None:
        await self._thread(QUICK, self._directories.stow, name)

    async def bring_back(self, name: str) -> None:
        await self._thread(QUICK, self._directories.bring_back, name)

    async def discard(self, name: str) -> None:
        await self._thread(CONTENT, self._directories.discard, name)

    async def is_empty(self, name: str) -> bool:
        return await self._thread(QUICK, self._is_empty, name)

    async def size(self, name: str) -> int:
        pause = trio.from_thread.check_cancelled
        return await self._thread(CONTENT, self._directories.size, name, pause)

    async def fill(
        self, name: str, subpath: str, rootfs: Sequence[Mount], path: str, *, mounted: bool
    ) -> None:
        await self._thread(CONTENT, self._fill, name, subpath, rootfs, path, mounted)

    async def mount(self, name: str, options: Mapping[str, str]) -> None:
        """One that comes back after the deadline is undone by its thread."""
        attempt = _Attempt()

        def work() -> None:
            mount_volume(self.mountpoint(name), options)
            if attempt.ended():
                self._directories.unmount(name)

        try:
            await self._thread(MOUNT, work, abandon=True)
        except BaseException:
            attempt.abandon()
            raise

    async def unmount(self, name: str) -> None:
        await self._thread(QUICK, self._directories.unmount, name)

    async def expose(self, name: str, subpath: str, point: str) -> None:
        await self._thread(QUICK, bind_inside, self.mountpoint(name), subpath, point)

    async def conceal(self, point: str) -> None:
        await self._thread(QUICK, release_point, point)

    def _survey(self) -> Survey:
        found = self._directories
        survey = Survey(found.present(), found.stowed(), found.mounted())
        for name in survey.present - survey.mounted:
            with self._opened(name) as (beside, data):
                recover(beside, data)
        return survey

    def _is_empty(self, name: str) -> bool:
        with self._opened(name) as (_, data):
            return is_empty(data)

    @contextmanager
    def _opened(self, name: str) -> Iterator[tuple[int, int]]:
        """The volume's directory, and the one with its content."""
        here = str(self._directories.path(name))
        with directory(here) as beside, directory(DATA, beside) as data:
            yield beside, data

    def _fill(
        self, name: str, subpath: str, rootfs: Sequence[Mount], path: str, mounted: bool
    ) -> None:
        pause = trio.from_thread.check_cancelled
        with (
            self._opened(name) as (beside, data),
            mounted_root(rootfs, self._scratch) as root,
        ):
            if not subpath:
                # Staging has to be in the file system of the volume's content.
                fill(root, path, data, data if mounted else beside, pause)
                return
            try:
                target = open_in_root(data, subpath, os.O_RDONLY | os.O_DIRECTORY)
            except FileNotFoundError:
                return
            try:
                fill(root, path, target, target, pause)
            finally:
                os.close(target)

    async def _thread(
        self, deadline: float, work: Callable[..., T], *arguments: object, abandon: bool = False
    ) -> T:
        try:
            with trio.fail_after(deadline):
                return await trio.to_thread.run_sync(
                    work, *arguments, abandon_on_cancel=abandon, limiter=self._threads
                )
        except trio.TooSlowError:
            raise DeadlineExceeded(f"the host did not answer within {deadline:.0f} s") from None
        except OSError as error:
            raise SystemFailure(_text(error)) from error


class _Attempt:
    """Whether a thread's work is still wanted when it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._abandoned = False

    def abandon(self) -> None:
        with self._lock:
            self._abandoned = True

    def ended(self) -> bool:
        """True if nobody waits any longer."""
        with self._lock:
            return self._abandoned


def _text(error: OSError) -> str:
    reason = os.strerror(error.errno or 0).lower()
    return f"{error.filename}: {reason}" if error.filename else reason

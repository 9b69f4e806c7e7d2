"""The writing end of a json-file log: appending, rotation, and news for those who follow.

Where a write happens: 180 KB of records take about 60 µs from the loop (0.8 ms at worst) and 500
in a worker thread, so writes stay on the loop for as long as the disk keeps up. A write that took
longer than SLOW sends the following ones to a thread for a while; so does a rotation, whose
renames, unlinks and compression have no bound.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

import trio

from engine.domain.logs import rotation
from engine.domain.logs.files import Files, open_stopped
from engine.domain.logs.options import JsonFileOptions

SLOW = 0.005  # seconds; a quarter of what may hold the loop
SLOW_FOR = 1.0  # seconds in worker threads after a slow write

T = TypeVar("T")


class Progress(Protocol):
    """How far a batch of records has come; kept by whoever may have to go on after a crash.

    Called with the log's lock held, maybe in a worker thread.
    """

    @property
    def written(self) -> int:
        """Bytes of the records that are in the log."""

    def writing(self, at: int) -> None:
        """records[written:] are about to be written at this size of the newest file."""

    def rotating(self) -> None:
        """The newest file is full; another is about to begin."""

    def wrote(self, written: int) -> None:
        """records[:written] are in the log."""


class Unmarked:
    """The progress of records that nobody goes on with."""

    written = 0

    def writing(self, at: int) -> None: ...

    def rotating(self) -> None: ...

    def wrote(self, written: int) -> None:
        self.written = written


class JsonFileLog:
    """One container's log while the container runs. Survives a crash of who writes to it."""

    def __init__(
        self,
        path: str,
        options: JsonFileOptions | None = None,
        rotating: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext,
    ) -> None:
        """Opens the log, and repairs its last record if a kill tore it. `rotating` goes around
        each rotation, maybe in a worker thread."""
        self.path = path
        self.options = options or JsonFileOptions()
        self.followers: set[Files] = set()
        self.closed = False
        self.lost = 0  # records that could not be written
        self.last_error: OSError | None = None
        self.version = 0  # counts appends
        self._rotating = rotating
        self._lock = threading.Lock()
        self._news = trio.lowlevel.ParkingLot()
        self._slow_until = 0.0
        self._fd = self._open()
        self._size = rotation.repair(self._fd)

    @property
    def size(self) -> int:
        """Of the newest file, in bytes."""
        return os.fstat(self._fd).st_size

    async def append(self, records: bytes, progress: Progress | None = None) -> None:
        """Writes whole records. A full disk loses them, and is counted: the container goes on."""
        mark = progress if progress is not None else Unmarked()
        await self._exclusively(lambda: self._append(records, mark), len(records))
        self.version += 1
        self._news.unpark_all()

    async def news(self, seen: int) -> None:
        """Returns once there is more than at version `seen`, or the log is closed."""
        while self.version == seen and not self.closed:
            await self._news.park()

    async def open_files(self, *, follow: bool) -> Files:
        """The files as they are between two writes; with `follow`, newer ones are added later."""
        return await self._exclusively(lambda: self._open_files(follow))

    async def close(self) -> None:
        """The end of the container's run; followers read what is there and end."""
        if not self.closed:
            await self._exclusively(self._close)
            self._news.unpark_all()

    async def _exclusively(self, work: Callable[[], T], growth: int = 0) -> T:
        now = time.monotonic()
        limit = self.options.max_size
        rotates = limit is not None and self._size + growth >= limit
        if rotates or now < self._slow_until or not self._lock.acquire(blocking=False):
            return await trio.to_thread.run_sync(self._locked, work)
        try:
            return work()
        finally:
            self._lock.release()
            if time.monotonic() - now > SLOW:
                self._slow_until = now + SLOW_FOR

    def _locked(self, work: Callable[[], T]) -> T:
        with self._lock:
            return work()

    def _append(self, records: bytes, mark: Progress) -> None:
        view = memoryview(records)
        while mark.written < len(records):
            # Asked anew each time: `truncate` from outside is a common habit.
            start = self._size = self.size
            if self.options.max_size is not None and start >= self.options.max_size:
                mark.rotating()
                self._rotate()
                continue
            end = self._end_of_piece(records, mark.written, start)
            mark.writing(start)
            try:
                self._write(view[mark.written : end])
            except OSError as error:
                self._give_up(records, mark, start, error)
                return
            mark.wrote(end)

    def _end_of_piece(self, records: bytes, start: int, size: int) -> int:
        """dockerd starts another file before the record that finds the limit reached."""
        if self.options.max_size is None:
            return len(records)
        room = self.options.max_size - size
        newline = records.find(b"\n", start + max(room, 1) - 1)
        return newline + 1 if newline >= 0 else len(records)

    def _write(self, data: memoryview) -> None:
        while data:
            written = os.write(self._fd, data)
            self._size += written
            data = data[written:]

    def _give_up(self, records: bytes, mark: Progress, start: int, error: OSError) -> None:
        self.last_error = error
        self.lost += records.count(b"\n", mark.written)
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, start)
        mark.wrote(len(records))

    def _rotate(self) -> None:
        with self._rotating():
            rotation.shift(self.path, self.options.max_file)
            os.close(self._fd)
            self._fd = self._open()
            self._size = 0
        for follower in list(self.followers):
            follower.add(self.path)
            follower.trim()
        if self.options.compress:
            with contextlib.suppress(OSError):  # a full disk leaves it uncompressed
                rotation.compress(f"{self.path}.1")

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        return os.open(self.path, flags, 0o640)

    def _open_files(self, follow: bool) -> Files:
        files = open_stopped(self.path)
        if follow and not self.closed:
            self.followers.add(files)
        return files

    def _close(self) -> None:
        self.closed = True
        os.close(self._fd)

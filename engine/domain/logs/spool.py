"""The undelivered rest of a log: how far a receiver has come, and what it has missed for good.

The spool is no second copy: it is a place in the log's own files, which rotate and so are bounded.
The place and the counters are in a small file beside the log, so the next daemon goes on where
this one was killed. A file is known by its inode: rotation renames it.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from engine.domain.logs import rotation
from engine.domain.logs.lines import Parts, decode_block
from engine.domain.logs.ports import Line

LOG = "container-cached.log"
STATE = "delivery"
BLOCK = 128 * 1024
"""No record is longer: 16 KiB of text, each byte escaped."""
_COUNT_BLOCK = 256 * 1024
_LAYOUT = struct.Struct("<8sQQQQI")
_MAGIC = b"trimlog1"


class Place(NamedTuple):
    """`inode` 0 is the oldest file."""

    inode: int = 0
    offset: int = 0


class Batch(NamedTuple):
    """Lines that follow each other up to `end`, and what `commit` needs besides."""

    lines: list[Line]
    end: Place
    damaged: int
    parts: Parts
    losses: int


class Backlog(NamedTuple):
    bytes: int
    lines: int


class Spool:
    """Blocks on the disk in all that it does: to be used in worker threads, from any of them.

    `limit` is how many bytes of records may wait; beyond them the oldest are dropped.
    """

    def __init__(self, directory: Path, *, max_file: int, limit: int | None = None) -> None:
        self.path = str(directory / LOG)
        self.delivered = 0  # lines
        self.dropped = 0
        self._max_file = max_file
        self._limit = limit
        self._lock = threading.Lock()
        self._parts: Parts = {}
        self._losses = 0  # how often the place was moved because lines were dropped
        self._file: tuple[int, int] | None = None  # inode, descriptor
        self._state = os.open(directory / STATE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._place = self._load()

    def read(self) -> Batch | None:
        """The next lines, None if there are none at present."""
        self.trim()
        with self._lock:
            start = self._start()
            while True:
                if start is None:
                    return None
                block = self._block(start)
                if block:
                    break
                start = self._after(start)
            losses = self._losses
        lines, damaged, parts = decode_block(block, self._parts)
        end = Place(start.inode, start.offset + len(block))
        return Batch(lines, end, damaged, parts, losses)

    def commit(self, batch: Batch) -> None:
        """The receiver has them."""
        with self._lock:
            self.delivered += len(batch.lines)
            self._parts = batch.parts
            if batch.losses == self._losses:
                self._place = batch.end
                self.dropped += batch.damaged
            else:
                # Given up by a rotation while they were under way.
                self.dropped -= len(batch.lines)
            self._save()

    @contextlib.contextmanager
    def rotating(self) -> Iterator[None]:
        """Around a rotation: the oldest file goes, and with it what nobody has fetched."""
        with self._lock:
            oldest = f"{self.path}.{self._max_file - 1}" if self._max_file > 1 else self.path
            with contextlib.suppress(FileNotFoundError):
                if os.path.exists(oldest):
                    self._give_up(oldest)
            yield

    def trim(self) -> None:
        """Drop what is beyond the limit."""
        if self._limit is None:
            return
        with self._lock:
            excess = sum(size for _, _, size in self._ahead()) - self._limit
            if excess > 0:
                self._skip(excess)

    def pending(self) -> bool:
        with self._lock:
            return any(size for _, _, size in self._ahead())

    def backlog(self) -> Backlog:
        """What waits for its delivery. Reads it all, to count the lines."""
        with self._lock:
            ahead = self._ahead()
            files = [
                (os.open(path, os.O_RDONLY | os.O_CLOEXEC), at, size) for path, at, size in ahead
            ]
        total = lines = 0
        for fd, at, size in files:
            try:
                lines += _count(fd, at, at + size)
                total += size
            finally:
                os.close(fd)
        return Backlog(total, lines)

    def rest(self) -> None:
        """Hold no file open until the next read."""
        with self._lock:
            self._forget_file()

    def close(self) -> None:
        with self._lock:
            self._forget_file()
            if self._state >= 0:
                os.close(self._state)
                self._state = -1

    # places

    def _files(self) -> list[tuple[int, str]]:
        return [(os.stat(path).st_ino, path) for path in rotation.rotated_paths(self.path)]

    def _start(self) -> Place | None:
        """Where to read on, with its file open; the oldest file if the place has gone."""
        if self._file is not None and self._file[0] == self._place.inode:
            return self._here()
        files = self._files()
        known = [each for each in files if each[0] == self._place.inode]
        if known:
            self._open(known[0][1])
            return self._here()
        if not files:
            return None
        return self._enter(files[0])

    def _here(self) -> Place:
        assert self._file is not None
        if os.fstat(self._file[1]).st_size < self._place.offset:  # truncated from outside
            self._place = Place(self._place.inode, 0)
        return self._place

    def _after(self, place: Place) -> Place | None:
        """The start of the next newer file. Nothing can be added to an older one any more."""
        files = self._files()
        inodes = [inode for inode, _ in files]
        index = inodes.index(place.inode) + 1 if place.inode in inodes else 0
        if index >= len(files):
            return None
        return self._enter(files[index])

    def _enter(self, file: tuple[int, str]) -> Place:
        self._open(file[1])
        self._place = Place(file[0], 0)
        # At once: the inode that it comes from may become another file's.
        self._save()
        return self._place

    def _open(self, path: str) -> None:
        self._forget_file()
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._file = os.fstat(fd).st_ino, fd

    def _forget_file(self) -> None:
        if self._file is not None:
            os.close(self._file[1])
            self._file = None

    def _block(self, place: Place) -> bytes:
        assert self._file is not None
        block = os.pread(self._file[1], BLOCK, place.offset)
        return block[: block.rfind(b"\n") + 1]

    def _ahead(self) -> list[tuple[str, int, int]]:
        """Path, offset and number of the bytes that wait, oldest first."""
        files = self._files()
        inodes = [inode for inode, _ in files]
        first = inodes.index(self._place.inode) if self._place.inode in inodes else 0
        ahead = []
        for inode, path in files[first:]:
            at = self._place.offset if inode == self._place.inode else 0
            ahead.append((path, at, max(0, os.stat(path).st_size - at)))
        return ahead

    # what is dropped

    def _give_up(self, path: str) -> None:
        inode = os.stat(path).st_ino
        files = self._files()
        inodes = [each for each, _ in files]
        if self._place.inode in inodes and self._place.inode != inode:
            return  # it is in a newer file
        at = self._place.offset if self._place.inode == inode else 0
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.dropped += _count(fd, at, os.fstat(fd).st_size)
        finally:
            os.close(fd)
        index = inodes.index(inode) + 1
        # Before the file goes: its inode may come back as another's.
        self._place = Place(inodes[index]) if index < len(files) else Place()
        self._losses += 1
        self._forget_file()
        self._save()

    def _skip(self, excess: int) -> None:
        for path, at, size in self._ahead():
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                end = at + size
                if excess < size:
                    end = _end_of_line(fd, at + excess, at + size)
                self.dropped += _count(fd, at, end)
                self._place = Place(os.fstat(fd).st_ino, end)
            finally:
                os.close(fd)
            excess -= size
            if excess <= 0:
                break
        self._losses += 1
        self._forget_file()
        self._save()

    # the state's file

    def _load(self) -> Place:
        data = os.pread(self._state, _LAYOUT.size, 0)
        if len(data) != _LAYOUT.size:
            return Place()
        magic, inode, offset, self.delivered, self.dropped, check = _LAYOUT.unpack(data)
        if magic != _MAGIC or check != zlib.crc32(data[:-4]):
            self.delivered = self.dropped = 0
            return Place()
        return Place(inode, offset)

    def _save(self) -> None:
        if self._state < 0:
            return
        data = _LAYOUT.pack(_MAGIC, *self._place, self.delivered, max(0, self.dropped), 0)[:-4]
        os.pwrite(self._state, data + struct.pack("<I", zlib.crc32(data)), 0)


def _count(fd: int, start: int, end: int) -> int:
    lines = 0
    while start < end:
        block = os.pread(fd, min(_COUNT_BLOCK, end - start), start)
        if not block:
            break
        lines += block.count(b"\n")
        start += len(block)
    return lines


def _end_of_line(fd: int, at: int, limit: int) -> int:
    while at < limit:
        block = os.pread(fd, min(BLOCK, limit - at), at)
        found = block.find(b"\n")
        if found >= 0:
            return at + found + 1
        if not block:
            break
        at += len(block)
    return limit

"""A log's open files, as one reader holds them: rotation takes nothing away from it."""

from __future__ import annotations

import contextlib
import gzip
import os
import tempfile
import threading
import zlib
from collections import deque
from collections.abc import Iterator

import msgspec

from engine.domain.logs import rotation

LAG = 16  # files kept open for a follower that lags behind the rotation, whatever their size
MOST_LAG, LAG_BYTES = 512, 64 << 20  # of small files more, up to both limits
_BLOCK = 64 * 1024
_DAMAGE = (EOFError, gzip.BadGzipFile, zlib.error)


class OpenFile(msgspec.Struct):
    """One file and its size when it was opened; `expand` has to come before `fd` is read."""

    fd: int
    size: int
    compressed: bool

    def expand(self) -> None:
        """Unpacks a compressed file into an unnamed temporary one; a damaged one as far as it goes."""
        if not self.compressed:
            return
        with tempfile.TemporaryFile() as target:
            with contextlib.suppress(*_DAMAGE), self._unpacked() as source:
                while block := source.read1(_BLOCK):
                    target.write(block)
            target.flush()
            os.dup2(target.fileno(), self.fd, inheritable=False)
        self.size = os.fstat(self.fd).st_size
        self.compressed = False

    @contextlib.contextmanager
    def _unpacked(self) -> Iterator[gzip.GzipFile]:
        with open(self.fd, "rb", closefd=False) as packed, gzip.GzipFile(fileobj=packed) as source:
            yield source

    def close(self) -> None:
        os.close(self.fd)


class Files:
    """Oldest first; to a follower the log adds the newer ones, maybe from a worker thread."""

    def __init__(self) -> None:
        self.skipped = 0  # files given up because the reader lagged too far behind
        self._files: deque[OpenFile] = deque()
        self._lock = threading.Lock()
        self._closed = False

    def add(self, path: str) -> None:
        with self._lock, contextlib.suppress(FileNotFoundError):
            if self._closed:
                return
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            self._files.append(OpenFile(fd, os.fstat(fd).st_size, path.endswith(".gz")))

    def trim(self) -> None:
        with self._lock:
            if len(self._files) <= LAG:
                return
            # As they are now: each was still empty when it was opened.
            sizes = [os.fstat(each.fd).st_size for each in self._files]
            held = sum(sizes)
            for size in sizes[:-LAG]:
                if len(self._files) <= MOST_LAG and held <= LAG_BYTES:
                    break
                held -= size
                self._files.popleft().close()
                self.skipped += 1

    def next(self) -> OpenFile | None:
        """The oldest file; it is the caller's now, to read and to close."""
        with self._lock:
            return self._files.popleft() if self._files else None

    def __len__(self) -> int:
        return len(self._files)

    def keep_tail(self, lines: int) -> int:
        """Drops what is before the last `lines` lines; returns where they start in the oldest."""
        with self._lock:
            files = list(self._files)
            for index in range(len(files) - 1, -1, -1):
                files[index].expand()
                found, offset = _offset_of_tail(files[index], lines)
                if found >= lines or index == 0:
                    for _ in range(index):
                        self._files.popleft().close()
                    return offset
                lines -= found
        return 0

    def close(self) -> None:
        with self._lock:
            self._closed = True
            while self._files:
                self._files.popleft().close()


def _offset_of_tail(file: OpenFile, lines: int) -> tuple[int, int]:
    """How many of the last lines the file holds, and where the first of them starts."""
    found = -1  # the first newline from the end ends the last line
    end = file.size
    while end:
        start = max(0, end - _BLOCK)
        block = os.pread(file.fd, end - start, start)
        if found + block.count(b"\n") >= lines:
            position = len(block)
            while found < lines:
                position = block.rfind(b"\n", 0, position)
                found += 1
            return lines, start + position + 1
        found += block.count(b"\n")
        end = start
    return found + 1, 0


def open_stopped(path: str) -> Files:
    """The files of a log that nobody writes."""
    files = Files()
    for each in rotation.rotated_paths(path):
        files.add(each)
    return files

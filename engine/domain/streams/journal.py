"""What of a stream is between its FIFO and its log, kept where a killed engine leaves it.

A FIFO gives its bytes away when they are read; a kill before they are in the log would lose them.
So they are read into a file that is mapped into memory (beside the FIFO, on a tmpfs), and the next
engine finds there what was read and how far its writing had come. tee(2), the other way, could
not keep the start of an unfinished line, which has left the FIFO long before it is logged.

The length of a read reaches us after the read itself. A kill in between leaves the length
unknown; the unused rest of the buffer is zeros, so the data ends at the last byte that is not.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from enum import IntEnum
from typing import NamedTuple

from engine.domain.logs.jsonfile import LINE_LIMIT, Held

CHUNK = 64 * 1024
_MAGIC = b"trimaran-stream1"
_SELECTOR = 16  # the byte that says which of the two entries counts
_ENTRIES = (64, 192)
_TAILS = (4096, 4096 + LINE_LIMIT)
_BUFFERS = (4096 + 2 * LINE_LIMIT, 4096 + 2 * LINE_LIMIT + CHUNK)
_SIZE = _BUFFERS[1] + CHUNK


class Phase(IntEnum):
    """How far the chunk in the buffer has come."""

    IDLE = 0
    TAKEN = 1
    WRITING = 2  # to the newest file of the log, from its size `at` on
    ROTATING = 3
    WRITTEN = 4


class Entry(NamedTuple):
    """All changes of a journal are changes from one entry to the next, made by one byte."""

    phase: int = Phase.IDLE
    eof: bool = False
    buffer: int = 0
    slot: int = 0  # of the held tail
    tail: int = 0  # its length
    taken: int = 0  # bytes in the buffer
    line_ns: int = 0
    now_ns: int = 0
    written: int = 0  # of the chunk's records
    at: int = 0


_LAYOUT = struct.Struct("<B?BBIIQQQQ")


class Recovered(NamedTuple):
    """What a killed engine had taken from the FIFO and not finished."""

    chunk: bytes
    now_ns: int  # 0: not known
    eof: bool
    phase: int
    written: int
    at: int


class Journal:
    """One stream's journal; without a path it is in memory only and protects from no kill."""

    def __init__(self, path: str | None = None) -> None:
        self._fd = -1
        if path is None:
            self._map = mmap.mmap(-1, _SIZE)
        else:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            # The entries' page is allocated now: on a full tmpfs, touching it would be a SIGBUS.
            os.posix_fallocate(self._fd, 0, 4096)
            if os.fstat(self._fd).st_size != _SIZE:
                os.ftruncate(self._fd, _SIZE)
            self._map = mmap.mmap(self._fd, _SIZE)
        self._view = memoryview(self._map)
        self.entry = Entry()
        if self._map[: len(_MAGIC)] == _MAGIC:
            self._load()
        else:
            self._map[: len(_MAGIC)] = _MAGIC
            self._put(self.entry)

    @property
    def space(self) -> memoryview:
        """Where the next chunk is to be read to."""
        start = _BUFFERS[self.entry.buffer]
        return self._view[start : start + CHUNK]

    def held(self) -> Held:
        start = _TAILS[self.entry.slot]
        return Held(bytes(self._view[start : start + self.entry.tail]), self.entry.line_ns)

    def take(self, length: int, now_ns: int) -> bytes:
        """The chunk of this length that was read into `space`; length 0 is the stream's end."""
        self._put(
            self.entry._replace(phase=Phase.TAKEN, eof=not length, taken=length, now_ns=now_ns)
        )
        return bytes(self.space[:length])

    def writing(self, written: int, at: int) -> None:
        self._put(self.entry._replace(phase=Phase.WRITING, written=written, at=at))

    def rotating(self, written: int) -> None:
        self._put(self.entry._replace(phase=Phase.ROTATING, written=written))

    def wrote(self) -> None:
        self._put(self.entry._replace(phase=Phase.WRITTEN))

    def commit(self, held: Held) -> None:
        """The chunk is done; what is held after it replaces what was held before."""
        old = self.entry
        slot = 1 - old.slot
        kept = self._write_tail(slot, held.tail)
        self._put(
            Entry(
                buffer=1 - old.buffer,
                slot=slot,
                tail=len(held.tail) if kept else 0,
                line_ns=held.line_ns,
            )
        )
        self._clear(old.buffer, old.taken)

    def recover(self) -> Recovered | None:
        """What the previous user left unfinished; None if nothing."""
        entry = self.entry
        if entry.phase == Phase.IDLE:
            length = len(bytes(self.space).rstrip(b"\0"))
            if not length:
                return None
            return Recovered(bytes(self.space[:length]), 0, False, Phase.IDLE, 0, 0)
        chunk = bytes(self.space[: entry.taken])
        return Recovered(chunk, entry.now_ns, entry.eof, entry.phase, entry.written, entry.at)

    def close(self) -> None:
        self._view.release()
        self._map.close()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _write_tail(self, slot: int, tail: bytes) -> bool:
        if self._fd < 0 or not tail:
            self._view[_TAILS[slot] : _TAILS[slot] + len(tail)] = tail
            return True
        # Not through the mapping, where a full tmpfs would be a SIGBUS.
        with contextlib.suppress(OSError):
            return os.pwrite(self._fd, tail, _TAILS[slot]) == len(tail)
        return False

    def _clear(self, buffer: int, length: int) -> None:
        self._view[_BUFFERS[buffer] : _BUFFERS[buffer] + length] = bytes(length)

    def _put(self, entry: Entry) -> None:
        selected = 1 - self._map[_SELECTOR]
        _LAYOUT.pack_into(self._map, _ENTRIES[selected], *entry)
        self._map[_SELECTOR] = selected
        self.entry = entry

    def _load(self) -> None:
        self.entry = Entry(*_LAYOUT.unpack_from(self._map, _ENTRIES[self._map[_SELECTOR]]))
        other = 1 - self.entry.buffer
        if any(self._view[_BUFFERS[other] : _BUFFERS[other] + CHUNK]):
            self._clear(other, CHUNK)

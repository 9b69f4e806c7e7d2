"""Reading logs: what `GET /containers/{id}/logs` sends, piece by piece.

Blocks are read and decoded in worker threads (the loop would be held for 2 ms by each); a
follower takes the few new lines at the end of the log, still in the page cache, without one.
"""

from __future__ import annotations

import os
import time
from types import TracebackType

import trio

from engine.domain.logs.decoder import RecordDecoder, Selection
from engine.domain.logs.files import Files, OpenFile, open_stopped
from engine.domain.logs.timestamps import SECOND
from engine.domain.logs.writer import JsonFileLog

BLOCK = 256 * 1024
SMALL = 16 * 1024  # bytes of new records that are decoded on the loop


class LogStream:
    """An async iterator of bytes; frames, or bare lines if the container has a tty.

    Use it in `async with`: it holds open files. `log` is the container's open log, or the path of
    the log of a container that does not run. A follower ends when the log is closed and read.
    """

    def __init__(self, log: JsonFileLog | str, selection: Selection, *, tty: bool = False) -> None:
        self.decoder = RecordDecoder(selection, tty=tty)
        self.selection = selection
        self.tty = tty
        self._source = log
        self._log = log if isinstance(log, JsonFileLog) and selection.follow else None
        self._files = Files()
        self._current: OpenFile | None = None
        self._offset = 0

    async def __aenter__(self) -> LogStream:
        if isinstance(self._source, JsonFileLog):
            self._files = await self._source.open_files(follow=self.selection.follow)
        else:
            self._files = await trio.to_thread.run_sync(open_stopped, self._source)
        if self.selection.tail is not None:
            tail = max(0, self.selection.tail)
            self._offset = await trio.to_thread.run_sync(self._files.keep_tail, tail)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(self._source, JsonFileLog):
            self._source.followers.discard(self._files)
        self._files.close()
        if self._current is not None:
            self._current.close()

    def __aiter__(self) -> LogStream:
        return self

    async def __anext__(self) -> bytes:
        while not self.decoder.ended:
            if self._current is None and not await self._advance():
                break
            # Asked before the read, so that it holds for what the read has seen.
            seen, closed, newer = self._state()
            frames, consumed = await self._step()
            self._offset += consumed
            if frames:
                return frames
            if not consumed and not await self._go_on(seen, closed=closed, newer=newer):
                break
        raise StopAsyncIteration

    def _state(self) -> tuple[int, bool, bool]:
        if self._log is None:
            return 0, True, len(self._files) > 0
        return self._log.version, self._log.closed, len(self._files) > 0

    async def _advance(self) -> bool:
        self._current = self._files.next()
        if self._current is not None and self._current.compressed:
            await trio.to_thread.run_sync(self._current.expand)
        return self._current is not None

    async def _go_on(self, seen: int, *, closed: bool, newer: bool) -> bool:
        """At the end of a file: to the next one, or for news; False at the end of the log."""
        if self._current is not None and newer:
            self._current.close()
            self._current, self._offset = None, 0
            return True
        if closed or self._log is None:
            return False
        with trio.move_on_after(self._patience()):
            await self._log.news(seen)
            return True
        return False

    def _patience(self) -> float:
        until = self.selection.until_ns
        return float("inf") if until is None else max(0, until - time.time_ns()) / SECOND

    async def _step(self) -> tuple[bytes, int]:
        file = self._current
        assert file is not None
        if self._log is not None:
            size = os.fstat(file.fd).st_size
            if size < self._offset:  # truncated from outside
                self._offset = 0
            if size - self._offset <= SMALL:
                await trio.lowlevel.checkpoint()
                return self._read(file, size)
            file.size = size
        return await trio.to_thread.run_sync(self._read, file, file.size)

    def _read(self, file: OpenFile, size: int) -> tuple[bytes, int]:
        """The whole records of the next block as frames, and the length of the records."""
        length = min(BLOCK, size - self._offset)
        block = os.pread(file.fd, length, self._offset) if length > 0 else b""
        end = block.rfind(b"\n") + 1
        if end:
            return self.decoder.decode(block[:end]), end
        if length == BLOCK:  # no record is that long
            self.decoder.damaged += 1
            return b"", length
        return b"", 0

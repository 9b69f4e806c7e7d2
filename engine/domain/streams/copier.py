"""The pump from a container's output FIFOs to its log and its attached clients.

The place of each stream lives in its `Output`, not in the task that runs: when the task crashes,
whatever it was waiting for, the next one goes on without losing or repeating a byte.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence

import msgspec
import trio

from engine.domain.logs.jsonfile import EMPTY, Held, LineAssembler
from engine.domain.logs.writer import JsonFileLog
from engine.domain.streams.broadcast import Fanout
from engine.domain.streams.fifo import CHUNK, FifoReader
from engine.domain.streams.journal import Journal, Phase, Recovered
from engine.domain.streams.turns import turn


class Pending(msgspec.Struct):
    """A chunk that has left the FIFO and is not yet everywhere."""

    chunk: bytes
    now_ns: int
    eof: bool
    offered: bool = False
    written: int = 0  # of the records, in bytes
    records: bytes | None = None
    after: Held = EMPTY


class Output:
    """One stream of a container: its FIFO, its unfinished line, the chunk under way.

    It is also the `Progress` that the log keeps up to date while it writes the chunk's records.
    """

    def __init__(
        self,
        name: str,
        reader: FifoReader,
        assembler: LineAssembler | None = None,
        journal: Journal | None = None,
    ) -> None:
        """`assembler` is None if nothing is logged, `journal` if no kill is to be survived."""
        self.name = name
        self.reader = reader
        self.ended = False
        self.pending: Pending | None = None
        self.total = 0  # bytes
        self._assembler = assembler
        self._journal = journal or Journal()
        self._held = self._journal.held()

    def recover(self, log_size: int) -> None:
        """Takes up what a killed engine left unfinished; the size is of the log's newest file."""
        found = self._journal.recover()
        if found is None or self.pending is not None:
            return
        now = found.now_ns or time.time_ns()
        if found.phase == Phase.IDLE:
            self._journal.take(len(found.chunk), now)
        self.pending = Pending(found.chunk, now, found.eof)
        self.pending.written = self._written_before(found, log_size)

    def _written_before(self, found: Recovered, log_size: int) -> int:
        if found.phase == Phase.WRITTEN:
            return len(self.records())
        if found.phase == Phase.WRITING:
            return min(found.written + max(0, log_size - found.at), len(self.records()))
        return found.written

    def take(self) -> None:
        """Reads the next chunk, if there is one; nothing can be lost after this has begun."""
        try:
            length = self.reader.read_into(self._journal.space)
        except OSError as error:
            if error.errno != errno.EFAULT:
                raise
            self._take_unprotected()
            return
        if length is not None:
            now = time.time_ns()
            self.pending = Pending(self._journal.take(length, now), now, eof=not length)

    def _take_unprotected(self) -> None:
        # The journal's tmpfs is full. Better unprotected from a kill than a blocked container.
        buffer = memoryview(bytearray(CHUNK))
        length = self.reader.read_into(buffer)
        if length is not None:
            self.pending = Pending(bytes(buffer[:length]), time.time_ns(), eof=not length)

    def discard(self) -> None:
        """Reads the next chunk for nobody."""
        length = self.reader.read_into(memoryview(bytearray(CHUNK)))
        self.ended = length == 0

    def records(self) -> bytes:
        """The log records that the pending chunk completes."""
        pending = self.pending
        assert pending is not None
        if pending.records is None:
            pending.records = b""
            if self._assembler is not None and pending.eof:
                pending.records = self._assembler.finish(self._held, pending.now_ns)
            elif self._assembler is not None:
                pending.records, pending.after = self._assembler.feed(
                    self._held, pending.chunk, pending.now_ns
                )
        return pending.records

    def commit(self) -> None:
        """The pending chunk is everywhere."""
        pending = self.pending
        assert pending is not None
        self._journal.commit(pending.after)
        self._held = pending.after
        self.total += len(pending.chunk)
        self.ended = pending.eof
        self.pending = None

    def close(self) -> None:
        self.reader.close()
        self._journal.close()

    @property
    def written(self) -> int:
        return self.pending.written if self.pending is not None else 0

    def writing(self, at: int) -> None:
        self._journal.writing(self.written, at)

    def rotating(self) -> None:
        self._journal.rotating(self.written)

    def wrote(self, written: int) -> None:
        assert self.pending is not None
        self.pending.written = written
        if written == len(self.pending.records or b""):
            self._journal.wrote()


class OutputCopier:
    """Runs until all streams have ended, then ends the fan-out. `run` may be called again after
    a crash. `log` is None for the driver "none"; with a tty, stdout is the only output."""

    def __init__(self, outputs: Sequence[Output], fanout: Fanout, log: JsonFileLog | None) -> None:
        self.outputs = outputs
        self.fanout = fanout
        self._log = log
        for output in outputs:
            output.recover(log.size if log is not None else 0)

    async def run(self) -> None:
        async with trio.open_nursery() as nursery:
            for output in self.outputs:
                nursery.start_soon(self._pump, output, name=f"copy {output.name}")
        self.fanout.close()

    async def drain(self) -> None:
        """Copying has failed too often: what comes from now on is lost, but the container does not block."""
        async with trio.open_nursery() as nursery:
            for output in self.outputs:
                nursery.start_soon(self._discard, output)
        self.fanout.close()

    async def _discard(self, output: Output) -> None:
        while not output.ended:
            await output.reader.wait()
            output.discard()

    def finish(self) -> None:
        """The container's processes are gone: take what is in the FIFOs, then end. Needed where
        somebody else (a shim that hangs, a child that left the container) holds a FIFO open."""
        for output in self.outputs:
            output.reader.finish()

    async def _pump(self, output: Output) -> None:
        await self._settle(output)  # what a crash has left
        full = False
        while not output.ended:
            if not full:
                await output.reader.wait()
            async with turn():
                output.take()
                full = self._offer(output)
                if full:  # more will be there: the others' turn
                    await trio.lowlevel.checkpoint()
            await self._settle(output)

    def _offer(self, output: Output) -> bool:
        """Hands the pending chunk to the clients, who needn't wait for the disk. True if it is a
        full one."""
        pending = output.pending
        if pending is None:
            return False
        if not pending.offered:
            pending.offered = True
            if pending.chunk:
                self.fanout.offer(output.name, pending.chunk)
        if self._log is not None:
            output.records()
        return len(pending.chunk) >= CHUNK

    async def _settle(self, output: Output) -> None:
        """Brings the pending chunk to where it is not yet."""
        if output.pending is not None:
            self._offer(output)
            if self._log is not None and output.records():
                await self._log.append(output.records(), output)
            output.commit()
        await self.fanout.drained()

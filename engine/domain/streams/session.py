"""The streams of one process at a time: FIFOs, copier, clients, stdin; and the service that copies.

Made before the process, so that clients can attach before it starts, and outliving every service.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import trio

from engine.domain.logs.jsonfile import LineAssembler
from engine.domain.logs.writer import JsonFileLog
from engine.domain.streams.broadcast import Fanout
from engine.domain.streams.copier import Output, OutputCopier
from engine.domain.streams.fifo import FifoReader, FifoWriter, make_fifos
from engine.domain.streams.journal import Journal
from engine.domain.streams.stdin import ContainerStdin
from engine.errors import DeadlineExceeded
from supervisors import Worker

CONNECT_LIMIT = 5.0
LAST_BYTES = 0.5
MOST_CRASHES = 3
CRASH_PERIOD = 300.0
"""As many as a supervisor forgives its children: one more would leave the output to nobody."""

log = logging.getLogger(__name__)


class StreamPaths(msgspec.Struct, frozen=True):
    """What the shim is told; "" for a stream that is not there."""

    stdin: str = ""
    stdout: str = ""
    stderr: str = ""


class Holder(Protocol):
    """Holds the FIFOs' reading ends open while no daemon is there to."""

    def keep(self, subject: str, descriptors: Callable[[], Sequence[int]]) -> None: ...

    def drop(self, subject: str) -> None: ...

    def retain(self, subjects: Iterable[str]) -> None: ...


class ProcessStreams:
    """`close_stdin` asks the runtime to let the process see the end of its input; `held` says
    who holds the output over the daemon's death, and under which name."""

    def __init__(
        self,
        directory: Path,
        close_stdin: Callable[[], Awaitable[None]],
        held: tuple[Holder, str] | None = None,
    ) -> None:
        self.directory = directory
        self._held = held
        self.paths = StreamPaths()
        self._close_stdin = close_stdin
        self.log: JsonFileLog | None = None
        self._copier: OutputCopier | None = None
        self.fanout = Fanout()
        self.stdin = ContainerStdin(close_stdin)
        self.copied = trio.Event()
        self._crashes: list[float] = []

    def open(
        self,
        *,
        stdin: bool,
        tty: bool,
        log: JsonFileLog | None = None,
        assemblers: dict[str, LineAssembler] | None = None,
        adopt: bool = False,
    ) -> None:
        """Make the FIFOs (or, with `adopt`, take up those of a running process) and a copier for them."""
        if not adopt:
            shutil.rmtree(self.directory, ignore_errors=True)
        outputs = ["stdout"] if tty else ["stdout", "stderr"]
        names = [*outputs, *(["stdin"] if stdin else [])]
        made = make_fifos(str(self.directory), names)
        self.paths = StreamPaths(**made)
        self.log = log
        chosen = assemblers or {}
        self._copier = OutputCopier(
            [
                Output(
                    name,
                    FifoReader(made[name]),
                    chosen.get(name),
                    self._journal(name) if log else None,
                )
                for name in outputs
            ],
            self.fanout,
            log,
        )
        self.copied = trio.Event()
        if self._held is not None:
            self._held[0].keep(self._held[1], self._descriptors)

    def _descriptors(self) -> Sequence[int]:
        outputs = self._copier.outputs if self._copier is not None else ()
        return [output.reader.fileno() for output in outputs if output.reader.fileno() >= 0]

    def _journal(self, name: str) -> Journal:
        return Journal(str(self.directory / f"{name}.journal"))

    @property
    def opened(self) -> bool:
        """Between `open` and `end`: there is a run whose output is copied."""
        return self._copier is not None

    async def connect_stdin(self) -> None:
        """Open our end of stdin once the shim has its own."""
        if self.paths.stdin:
            with trio.move_on_after(CONNECT_LIMIT):
                await self.stdin.connect(await FifoWriter.open(self.paths.stdin))
                return
            raise DeadlineExceeded("the runtime did not open the process's standard input")

    async def copy(self) -> None:
        """The copier's work, from wherever the last task left it."""
        if self._copier is not None:
            await self._copy(self._copier)
        self.copied.set()

    async def _copy(self, copier: OutputCopier) -> None:
        since = trio.current_time() - CRASH_PERIOD
        self._crashes = [at for at in self._crashes if at > since]
        if len(self._crashes) >= MOST_CRASHES:
            log.error("the output in %s is discarded: copying it failed too often", self.directory)
            await copier.drain()
            return
        try:
            await copier.run()
        except Exception:
            self._crashes.append(trio.current_time())
            raise

    async def finish(self, patience: float) -> None:
        """Wait for the output's end, `patience` seconds at most, then take what is there; close the log."""
        if self._copier is not None:
            with trio.move_on_after(patience):
                await self.copied.wait()
            if not self.copied.is_set():
                self._copier.finish()
                with trio.move_on_after(LAST_BYTES):
                    await self.copied.wait()
        if self.log is not None:
            await self.log.close()
            self.log = None

    def end(self) -> None:
        """Part from this run's clients, and be ready for the next one's."""
        if self._held is not None:
            self._held[0].drop(self._held[1])
        self.fanout.close()
        self.stdin.discard()
        if self._copier is not None:
            for output in self._copier.outputs:
                output.close()
            self._copier = None
        self.fanout = Fanout()
        self.stdin = ContainerStdin(self._close_stdin)
        self.paths = StreamPaths()


class CopierService(Worker):
    """Copies until the output ends; a fresh one goes on where a crashed one stopped."""

    def __init__(self, streams: ProcessStreams) -> None:
        self._streams = streams

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await self._streams.copy()

"""An attached client: what it wants of a container's streams, and its session from `attach` to `detach`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import msgspec

from engine.domain.containers.cell import Cell
from engine.domain.containers.outside import Outside
from engine.domain.logs.decoder import Selection
from engine.domain.logs.reader import LogStream
from engine.domain.streams.detach import parse_detach_keys
from engine.domain.streams.pump import AttachEnd, Attachment, ClientStream, attach


class Wanted(msgspec.Struct, frozen=True):
    """`logs` replays the log before the stream; `detach_keys` as the client writes them."""

    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    stream: bool = False
    logs: bool = False
    detach_keys: str = ""


class Session:
    """Subscribed when it is made, so that nothing printed before the client is served is missed."""

    def __init__(
        self,
        cell: Cell,
        outside: Outside,
        wanted: Wanted,
        logs: Callable[[str, Selection], LogStream],
    ) -> None:
        self._cell = cell
        self._outside = outside
        self._wanted = wanted
        self._logs = logs
        self._keys = parse_detach_keys(wanted.detach_keys)
        self.tty = cell.record.config.tty
        hears = wanted.stream and (wanted.stdout or wanted.stderr)
        self._output = (
            cell.streams.fanout.subscribe(stdout=wanted.stdout, stderr=wanted.stderr)
            if hears
            else None
        )
        speaks = wanted.stream and wanted.stdin and cell.record.config.open_stdin
        self._stdin = cell.streams.stdin if speaks else None

    def close(self) -> None:
        if self._output is not None:
            self._output.close()

    async def run(self, client: ClientStream) -> None:
        """Serve the client to its end; events `attach` and, where it left by its keys, `detach`."""
        cell, wanted = self._cell, self._wanted
        await self._outside.emit(cell.record, "attach", durable=False)
        async with AsyncExitStack() as stack:
            replay: AsyncIterator[bytes] | None = None
            if wanted.logs:
                selection = Selection(stdout=wanted.stdout, stderr=wanted.stderr)
                replay = await stack.enter_async_context(self._logs(cell.id, selection))
            attachment = Attachment(
                output=self._output,
                stdin=self._stdin,
                replay=replay,
                tty=self.tty,
                detach_keys=self._keys,
                stdin_once=cell.record.config.stdin_once,
            )
            end = await attach(client, attachment)
        if end is AttachEnd.DETACHED:
            await self._outside.emit(cell.record, "detach", durable=False)

"""A client that starts an exec and stays with its streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from engine.domain.execs.records import Exec
from engine.domain.streams.detach import parse_detach_keys
from engine.domain.streams.pump import AttachEnd, Attachment, ClientStream, attach
from supervisors import Refusal

EXIT_PATIENCE = 5.0
"""Seconds that the connection outlives the output, for the exit to be known."""


class ExecSession:
    """Subscribed when it is made; a detached one has no streams. `raw`: the client wants no frames.

    `left` is told when the client goes by its detach keys.
    """

    def __init__(
        self,
        exec: Exec,
        start: Callable[[Exec], Awaitable[None]],
        left: Callable[[Exec], Awaitable[None]],
        *,
        detach: bool,
        raw: bool,
    ) -> None:
        self._exec = exec
        self._start = start
        self._left = left
        config = exec.config
        self.raw = raw
        self._keys = parse_detach_keys(config.detach_keys, kind="escape")
        hears = not detach and (config.attach_stdout or config.attach_stderr)
        self._output = (
            exec.streams.fanout.subscribe(
                stdout=config.attach_stdout or config.tty, stderr=config.attach_stderr
            )
            if hears
            else None
        )
        self._stdin = exec.streams.stdin if config.attach_stdin and not detach else None

    def close(self) -> None:
        """Part from the streams; a start that the service never took up may be claimed again."""
        self._exec.started = self._exec.begun
        if self._output is not None:
            self._output.close()

    async def start(self) -> None:
        await self._start(self._exec)

    async def run(self, client: ClientStream) -> None:
        """Start the process and serve the client; raises why it did not start."""
        failed: list[Refusal] = []

        async def begin() -> None:
            try:
                await self.start()
            except Refusal as error:
                failed.append(error)
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(begin)
            attachment = Attachment(
                output=self._output,
                stdin=self._stdin,
                tty=self._exec.config.tty,
                raw=self.raw,
                detach_keys=self._keys,
                stdin_once=True,
            )
            end = await attach(client, attachment)
            if end is AttachEnd.DETACHED:
                await self._left(self._exec)
            if end is AttachEnd.OUTPUT:
                # Clients ask for the exit code as soon as the connection ends.
                with trio.move_on_after(EXIT_PATIENCE):
                    await self._exec.ended.wait()
        if failed:
            raise failed[0]

"""The API server as a supervised service."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from typing import Any

import msgspec
import trio
from hypercorn.trio.worker_context import WorkerContext
from quart_trio import QuartTrio

from engine.api.connection import HEAD_SECONDS, Connection
from engine.api.handover import Handover
from engine.api.listeners import Bound, Listener, bind_all
from engine.api.wire import WireConfig

log = logging.getLogger(__name__)

# What short requests in flight get at the end.
GRACE_SECONDS = 1.0
# What a connection gets at the end that has not yet sent anything.
FRESH_SECONDS = 0.3


class Limits(msgspec.Struct, frozen=True):
    """`half_open` connections on each listener that have not made a request yet; a request's head may take
    `head_seconds`."""

    half_open: int = 512
    head_seconds: float = HEAD_SECONDS


class Server:
    """Serves an application on its listeners; all are bound before any is served."""

    def __init__(
        self,
        app: QuartTrio,
        listeners: Sequence[Listener],
        *,
        grace: float = GRACE_SECONDS,
        greet: bool = True,
        limits: Limits | None = None,
        handover: Handover | None = None,
    ) -> None:
        """`handover` has the predecessor's sockets, and takes these for a successor. `greet`: say in the log where Docker clients are served."""
        self._limits = limits or Limits()
        self._half_open: dict[object, dict[Connection, trio.CancelScope]] = {}
        self._app = app
        self._listeners = tuple(listeners)
        self._grace = grace
        self._greet = greet
        self._handover = handover or Handover()
        self._config = WireConfig()
        self._context = WorkerContext(None)
        self._stopping = trio.Event()
        self._connections: set[Connection] = set()
        self.bound: list[Bound] = []

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until stop(); raises ListenError when an address cannot be had."""
        self.bound = await bind_all(self._listeners, self._handover)
        try:
            async with trio.open_nursery() as background:
                self._app.nursery = background
                await self._app.startup()
                await self._serve(task_status)
                await self._app.shutdown()
        finally:
            for each in self.bound:
                each.leave(self._handover)

    async def stop(self) -> None:
        """Accept no more, let short requests end, cancel the rest."""
        self._stopping.set()

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        listeners = [each.listener() for each in self.bound]
        async with trio.open_nursery() as handlers:
            async with trio.open_nursery() as accepting:
                await accepting.start(self._accept, listeners, handlers)
                for each in self.bound if self._greet else ():
                    log.info("API listen on %s", each)
                    log.info("to use it: export DOCKER_HOST=%s", each.docker_host)
                task_status.started()
                await self._stopping.wait()
                accepting.cancel_scope.cancel()
            if not self._handover.wanted:
                for each in self.bound:
                    each.sock.close()  # who comes now is refused, not kept waiting
            await self._context.terminated.set()
            for connection in tuple(self._connections):
                connection.cancel_stream()
                if connection.idle:
                    # Who has just connected is about to ask, and gets an answer.
                    connection.end(FRESH_SECONDS if connection.fresh else 0.0)
            handlers.cancel_scope.deadline = trio.current_time() + self._grace

    async def _accept(
        self,
        listeners: list[Any],
        handlers: trio.Nursery,
        task_status: trio.TaskStatus[Any],
    ) -> None:
        if not listeners:  # all of them were spare
            task_status.started()
            await trio.sleep_forever()
        # trio itself waits and goes on when the process is out of file descriptors.
        await trio.serve_listeners(
            self._handle, listeners, handler_nursery=handlers, task_status=task_status
        )

    async def _handle(self, stream: Any) -> None:
        waiting = self._half_open.setdefault(_listener_of(stream), {})
        connection = Connection(
            self._app,
            self._config,
            self._context,
            stream,
            head_seconds=self._limits.head_seconds,
            on_request=lambda: waiting.pop(connection, None) and None,
        )
        self._connections.add(connection)
        while len(waiting) >= self._limits.half_open:
            # The oldest has had its chance; a client that has something to say is quicker.
            waiting.pop(next(iter(waiting))).cancel()
        try:
            with trio.CancelScope() as scope:
                waiting[connection] = scope
                await connection.run()
        except Exception:
            # Raised while it was closed. One connection's bug must not end the others.
            log.exception("a connection failed at its end")
        finally:
            self._connections.discard(connection)
            waiting.pop(connection, None)


def _listener_of(stream: Any) -> object:
    """A unix socket's path, a TCP port: what those have in common that came the same way."""
    sock = getattr(stream, "transport_stream", stream).socket
    try:
        name = sock.getsockname()
    except OSError:
        return None
    return name if sock.family == socket.AF_UNIX else name[1]

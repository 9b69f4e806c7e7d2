"""The daemon's line to the resolver: commands in, answers out, one daemon at a time."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from pathlib import Path

import msgspec
import trio

from engine.errors import EngineError
from engine.models.resolver import Answer, Command, Scope, lines
from engine.resolver import sockets
from engine.resolver.directory import Directory
from engine.resolver.serving import Serving
from engine.resolver.upstream import HostServers, Upstream

log = logging.getLogger(__name__)

FIRST_CLIENT = 30.0
AGAIN = 1.0


class Resolver:
    """Ends when no daemon is connected and nobody is served."""

    def __init__(self, path: Path, host: HostServers) -> None:
        self._path = path
        self._directory = Directory()
        self._upstream = Upstream(host)
        self._served: dict[str, trio.CancelScope] = {}
        self._paths: dict[str, str] = {}
        self._gone: dict[str, trio.Event] = {}
        self._locks: dict[str, trio.Lock] = {}
        self._client: trio.SocketStream | None = None
        self._quiet = trio.Event()
        self._met = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path)
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        raw.bind(str(self._path))
        os.chmod(self._path, 0o600)
        raw.listen(4)
        async with trio.open_nursery() as nursery:
            listener = trio.SocketListener(trio.socket.from_stdlib_socket(raw))
            nursery.start_soon(self._serve, listener, nursery)
            task_status.started()
            with trio.move_on_after(FIRST_CLIENT):
                await self._met.wait()
            while self._client is not None or self._directory.scopes:
                self._quiet = trio.Event()
                await self._quiet.wait()
            nursery.cancel_scope.cancel()

    async def _serve(self, listener: trio.SocketListener, nursery: trio.Nursery) -> None:
        while True:
            stream = await listener.accept()
            if self._client is not None:  # a new daemon takes the place of the last one
                await trio.aclose_forcefully(self._client)
            self._client = stream
            self._met.set()
            nursery.start_soon(self._listen, stream, nursery)

    async def _listen(self, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        lock = trio.Lock()
        try:
            async for line in lines(stream):
                command = msgspec.json.decode(line, type=Command)
                self._learn(command)
                nursery.start_soon(self._obey, command, stream, lock, nursery)
        except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        except msgspec.MsgspecError as error:
            log.error("a command that is none: %s", error)
        if self._client is stream:
            self._client = None
            self._quiet.set()
        await trio.aclose_forcefully(stream)

    def _learn(self, command: Command) -> None:
        """At once and in order; only listening takes time."""
        gone = set(command.drop)
        if command.retain:
            gone |= self._directory.scopes.keys() - {scope.id for scope in command.put}
        for scope_id in gone:
            self._directory.drop(scope_id)
        for scope in command.put:
            self._directory.put(scope)

    async def _obey(
        self,
        command: Command,
        stream: trio.SocketStream,
        lock: trio.Lock,
        nursery: trio.Nursery,
    ) -> None:
        failures: dict[str, str] = {}
        for scope_id in [each for each in self._served if each not in self._directory.scopes]:
            await self._end(scope_id)
        for scope in command.put:
            try:
                await self._ensure(scope, nursery)
            except (OSError, EngineError) as error:
                failures[scope.id] = str(error)
        self._quiet.set()
        answer = msgspec.json.encode(Answer(number=command.number, failures=failures))
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with lock:
                await stream.send_all(answer + b"\n")

    async def _ensure(self, scope: Scope, nursery: trio.Nursery) -> None:
        async with self._locks.setdefault(scope.id, trio.Lock()):
            if self._paths.get(scope.id) == scope.path:
                return
            await self._end(scope.id)
            pair = await sockets.listen(scope.path)
            if scope.id not in self._directory.scopes:  # dropped meanwhile
                pair.close()
                return
            self._paths[scope.id] = scope.path
            self._served[scope.id] = trio.CancelScope()
            self._gone[scope.id] = trio.Event()
            nursery.start_soon(self._attend, scope.id, pair)

    async def _attend(self, scope_id: str, pair: sockets.Pair) -> None:
        cancel, gone = self._served[scope_id], self._gone[scope_id]
        try:
            with cancel:
                await self._serve_scope(scope_id, pair)
        finally:
            pair.close()
            if self._served.get(scope_id) is cancel:
                del self._served[scope_id], self._paths[scope_id], self._gone[scope_id]
            gone.set()

    async def _serve_scope(self, scope_id: str, pair: sockets.Pair) -> None:
        """On new sockets when the old ones fail; without, when the namespace has gone."""
        while True:
            try:
                await Serving(self._directory, self._upstream, scope_id, pair).run()
            except* OSError as failures:
                log.error("names of %s: %s; listening anew", scope_id[:12], failures.exceptions[0])
            await trio.sleep(AGAIN)
            try:
                pair = await sockets.listen(self._paths[scope_id])
            except (OSError, EngineError) as error:
                log.error("names of %s cannot be answered: %s", scope_id[:12], error)
                return

    async def _end(self, scope_id: str) -> None:
        """The sockets are closed when this returns, and keep no namespace alive."""
        if scope_id in self._served:
            gone = self._gone[scope_id]
            self._served[scope_id].cancel()
            await gone.wait()
        if scope_id not in self._directory.scopes:
            self._locks.pop(scope_id, None)

"""The daemon's side of the resolver: what it must know, and the service that keeps it up."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import trio

from engine.models.resolver import Answer, Command, Scope, lines
from supervisors import Worker

log = logging.getLogger(__name__)

PAUSE = 0.02
LONG_PAUSE = 5.0
START_LIMIT = 15.0
DEADLINE = 5.0
ROOT = Path(__file__).resolve().parents[3]


class ResolverClient:
    """The `Resolver` port. Passive; outlives the service, and tells the next process all again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._scopes: dict[str, Scope] = {}
        self._introduced = False
        self._number = 0
        self._waiting: dict[int, trio.Event] = {}
        self._stream: trio.SocketStream | None = None
        self._turn = trio.Lock()
        self._up = trio.Event()
        self.needed = trio.Event()

    async def put(self, scope: Scope) -> None:
        if self._scopes.get(scope.id) == scope:
            return
        self._scopes[scope.id] = scope
        self.needed.set()
        await self._tell(Command(number=self._next(), put=[scope]))

    async def drop(self, scope_id: str) -> None:
        if self._scopes.pop(scope_id, None) is not None and self._stream is not None:
            await self._tell(Command(number=self._next(), drop=[scope_id]))

    async def retain(self, scopes: Sequence[Scope]) -> None:
        self._scopes = {scope.id: scope for scope in scopes}
        self._introduced = True
        if self._scopes:
            self.needed.set()
        if self._stream is not None:
            await self._tell(self._everything())

    async def connected(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        if self._introduced:
            await self._send(self._everything())
        self._up.set()

    def disconnected(self) -> None:
        """Who waits for an answer waits no longer: the next process is told all anyway."""
        self._stream = None
        self._up = trio.Event()
        for event in self._waiting.values():
            event.set()

    def answered(self, answer: Answer) -> None:
        for scope_id, reason in answer.failures.items():
            log.warning("container %s has no names: %s", scope_id[:12], reason)
        event = self._waiting.get(answer.number)
        if event is not None:
            event.set()

    def _everything(self) -> Command:
        return Command(number=self._next(), put=list(self._scopes.values()), retain=True)

    def _next(self) -> int:
        self._number += 1
        return self._number

    async def _tell(self, command: Command) -> None:
        """Send and wait until it is done, or cannot be: no container fails for want of names."""
        event = self._waiting[command.number] = trio.Event()
        try:
            with trio.move_on_after(DEADLINE) as waiting:
                await self._up.wait()
                if await self._send(command):
                    await event.wait()
            if waiting.cancelled_caught:
                log.warning("the resolver does not answer")
        finally:
            del self._waiting[command.number]

    async def _send(self, command: Command) -> bool:
        async with self._turn:
            if self._stream is None:
                return False
            try:
                await self._stream.send_all(msgspec.json.encode(command) + b"\n")
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return False  # the service sees that too
            return True


class ResolverService(Worker):
    """Adopts a resolver, or starts one when it is needed, and does so again when it ends."""

    def __init__(self, client: ResolverClient) -> None:
        self._client = client
        self._process: subprocess.Popen[bytes] | None = None

    async def work(self, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        while True:
            stream = await self._reach()
            try:
                await self._client.connected(stream)
                async for line in lines(stream):
                    self._client.answered(msgspec.json.decode(line, type=Answer))
            except (OSError, trio.BrokenResourceError):
                pass
            finally:
                self._client.disconnected()
                self._let_go()
                await trio.aclose_forcefully(stream)
            log.warning("the resolver has ended; starting another one")
            await trio.sleep(PAUSE)

    async def _reach(self) -> trio.SocketStream:
        with contextlib.suppress(OSError):
            return await self._connect()
        await self._client.needed.wait()
        while True:
            with trio.move_on_after(START_LIMIT):
                await trio.to_thread.run_sync(self._spawn)
                while self._process is None or self._process.poll() is None:
                    with contextlib.suppress(OSError):
                        return await self._connect()
                    await trio.sleep(PAUSE)
            # Not a crash of ours: containers run without names until it can be started.
            log.error("the resolver does not start; trying again in %g s", LONG_PAUSE)
            await trio.sleep(LONG_PAUSE)

    async def _connect(self) -> trio.SocketStream:
        return await trio.open_unix_socket(str(self._client.path))

    def _spawn(self) -> None:
        """In a session of its own, so that what ends the daemon does not end it."""
        command = [sys.executable, "-m", "engine.resolver", str(self._client.path)]
        with self._client.path.with_suffix(".log").open("wb") as complaints:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                cwd="/",
                env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
            )

    def _let_go(self) -> None:
        """Reap it if it has ended; one that lives outlives us, and Popen is not to warn of that."""
        if self._process is not None and self._process.poll() is None:
            self._process.returncode = 0
        self._process = None

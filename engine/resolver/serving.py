"""Serving one container: its datagrams, its connections, until its scope is dropped."""

from __future__ import annotations

import logging
import socket

import trio

from engine.models.resolver import Scope
from engine.resolver.answers import Answers
from engine.resolver.directory import Directory
from engine.resolver.sockets import Pair
from engine.resolver.upstream import Upstream, read_message

log = logging.getLogger(__name__)

BURST = 64
"""Datagrams that one container may have answered before others have their turn."""
IDLE = 10.0
CONNECTIONS = 64
PAUSE = 0.05
"""Seconds to wait after a socket's error, which may stay: it would be ready again at once."""
MOST_ERRORS = 20
"""In a row; then the socket is given up."""


class Serving:
    """Reads the scope anew for each question: it may have changed. `run` raises OSError, in a
    group, when its sockets don't work any more."""

    def __init__(self, directory: Directory, upstream: Upstream, scope_id: str, pair: Pair) -> None:
        self._directory = directory
        self._upstream = upstream
        self._id = scope_id
        self._pair = pair
        self._answers = Answers(directory, scope_id)
        self._connections = trio.CapacityLimiter(CONNECTIONS)

    async def run(self) -> None:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve_tcp, nursery)
                await self._serve_udp(nursery)
        finally:
            self._pair.close()

    async def _serve_udp(self, nursery: trio.Nursery) -> None:
        channel = self._pair.udp
        errors = 0
        while True:
            await trio.lowlevel.wait_readable(channel)
            for _ in range(BURST):
                try:
                    question, asker = channel.recvfrom(65535)
                except BlockingIOError:
                    break
                except OSError as error:
                    errors += 1
                    if errors >= MOST_ERRORS:
                        raise
                    log.debug("questions of %s: %s", self._id[:12], error)
                    await trio.sleep(PAUSE)
                    break
                errors = 0
                answer = self._answers.answer(question) if len(question) >= 12 else b""
                if answer is None:
                    nursery.start_soon(self._forward, question, asker)
                elif answer:
                    _send(channel, answer, asker)

    async def _forward(self, question: bytes, asker: tuple[str, int]) -> None:
        scope = self._directory.scopes.get(self._id)
        if scope is not None:
            answer = await self._upstream.ask(scope, question, tcp=False)
            if answer:
                _send(self._pair.udp, answer, asker)

    async def _serve_tcp(self, nursery: trio.Nursery) -> None:
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._pair.tcp))
        await trio.serve_listeners(self._serve_connection, [listener], handler_nursery=nursery)

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        async with self._connections:
            try:
                while True:
                    with trio.fail_after(IDLE):
                        question = await read_message(stream)
                    answer = await self._answer(question)
                    with trio.fail_after(IDLE):
                        await stream.send_all(len(answer).to_bytes(2, "big") + answer)
            except (OSError, trio.BrokenResourceError, trio.TooSlowError):
                await trio.aclose_forcefully(stream)

    async def _answer(self, question: bytes) -> bytes:
        answer = self._answers.answer(question, limit=False) if len(question) >= 12 else b""
        scope: Scope | None = self._directory.scopes.get(self._id)
        if answer is None and scope is not None:
            answer = await self._upstream.ask(scope, question, tcp=True)
        if not answer:
            raise OSError("that was no question")
        return answer


def _send(channel: socket.socket, answer: bytes, asker: tuple[str, int]) -> None:
    try:
        channel.sendto(answer, asker)
    except OSError as error:  # the asker has gone, or doesn't read
        log.debug("an answer was not taken: %s", error)

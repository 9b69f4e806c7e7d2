"""Asking elsewhere: the container's own servers from inside its namespace, or the host's from the host."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import trio

from engine.domain.networks.resolvconf import FALLBACK, HOST_FILE, SYSTEMD_FILE, host_file, parse
from engine.errors import EngineError
from engine.models.resolver import Scope
from engine.resolver import sockets
from engine.resolver.answers import failure

MOST_SERVERS = 3
LIMIT = 1024
"""Questions on their way at a time, as dockerd's."""
PATIENCE = 4.0
"""Seconds for the last server; one that has another behind it gets half."""
FRESH = 1.0
"""Seconds for which the host's file is not looked at again."""
GRUDGE = 10.0
"""Seconds for which a server that did not answer is asked last."""
_RETRY = (2, 5)  # SERVFAIL, REFUSED: the next server may know
_PORT = 53


class HostServers:
    """The host's servers as its resolv.conf has them now."""

    def __init__(self, path: Path = Path(HOST_FILE), systemd: Path = Path(SYSTEMD_FILE)) -> None:
        self._path = path
        self._systemd = systemd
        self._looked = float("-inf")
        self._stamp: object = None
        self._servers: tuple[str, ...] = FALLBACK

    def servers(self) -> tuple[str, ...]:
        now = trio.current_time()
        if now - self._looked >= FRESH:
            self._looked = now
            stamp = tuple(_stamp(path) for path in (self._path, self._systemd))
            if stamp != self._stamp:
                self._stamp = stamp
                self._servers = self._read()
        return self._servers

    def _read(self) -> tuple[str, ...]:
        text = _text(self._path)
        if host_file(text) == SYSTEMD_FILE and self._systemd.exists():
            text = _text(self._systemd)
        return parse(text).nameservers or FALLBACK


def _stamp(path: Path) -> object:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


class Upstream:
    """Forwards questions as they are, answers as they come; SERVFAIL when nobody answers."""

    def __init__(self, host: HostServers) -> None:
        self._host = host
        self._limiter = trio.CapacityLimiter(LIMIT)
        self._silent: dict[tuple[str, str], float] = {}

    async def ask(self, scope: Scope, question: bytes, *, tcp: bool) -> bytes:
        if not scope.forwards:
            return failure(question)
        try:
            self._limiter.acquire_on_behalf_of_nowait(token := object())
        except trio.WouldBlock:
            return failure(question)
        try:
            return await self._ask_each(scope, question, tcp=tcp)
        finally:
            self._limiter.release_on_behalf_of(token)

    async def _ask_each(self, scope: Scope, question: bytes, *, tcp: bool) -> bytes:
        place = scope.path if scope.servers else ""
        servers = self._order(place, (scope.servers or self._host.servers())[:MOST_SERVERS])
        last = b""
        for index, server in enumerate(servers):
            patience = PATIENCE if index == len(servers) - 1 else PATIENCE / 2
            answer = b""
            with trio.move_on_after(patience) as waiting:
                try:
                    answer = await _exchange(place, server, question, tcp=tcp)
                except (OSError, EngineError, trio.BrokenResourceError):
                    continue
            if waiting.cancelled_caught:
                self._silent[place, server] = trio.current_time()
                continue
            self._silent.pop((place, server), None)
            if answer[3] & 0x0F not in _RETRY:
                return answer
            last = answer
        return last or failure(question)

    def _order(self, place: str, servers: Sequence[str]) -> list[str]:
        """In their order, those that were silent just now at the end."""
        now = trio.current_time()
        self._silent = {key: at for key, at in self._silent.items() if now - at < GRUDGE}
        return sorted(servers, key=lambda server: (place, server) in self._silent)


async def _exchange(place: str, server: str, question: bytes, *, tcp: bool) -> bytes:
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    raw = await sockets.inside(place, family, kind) if place else socket.socket(family, kind)
    with trio.socket.from_stdlib_socket(raw) as channel:
        await channel.connect((server, _PORT))
        if tcp:
            stream = trio.SocketStream(channel)
            await stream.send_all(len(question).to_bytes(2, "big") + question)
            answer = await read_message(stream)
            if len(answer) < 12:
                raise OSError("that is no answer")
            return answer
        await channel.send(question)
        while True:
            answer = await channel.recv(65535)
            # Connected, on a random port; who guesses that must guess the number too.
            if len(answer) >= 12 and answer[:2] == question[:2] and answer[2] & 0x80:
                return answer


async def read_message(stream: trio.SocketStream) -> bytes:
    """One message with its length before it. OSError when there is none."""
    size = int.from_bytes(await _exactly(stream, 2), "big")
    return await _exactly(stream, size)


async def _exactly(stream: trio.SocketStream, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = await stream.receive_some(size - len(data))
        if not more:
            raise OSError("the connection ended inside a message")
        data += more
    return data

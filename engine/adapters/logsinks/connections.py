"""Connections to receivers: datagrams, and streams that know when the other side has what was sent."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import ssl
import struct
from collections.abc import Iterator, Sequence
from typing import Protocol

import trio

from engine.domain.logs.drivers import Address

SIOCOUTQ = 0x5411  # linux/sockios.h: bytes that the peer has not acknowledged (unix: not read)
_TCP_ALIVE = (socket.IPPROTO_TCP, socket.TCP_INFO)
_ESTABLISHED, _CLOSE_WAIT = 1, 8  # linux/tcp_states.h
_FIRST_LOOK, _LAST_LOOK = 0.0005, 0.05  # seconds
_LARGEST = 60_000  # bytes of a datagram that was too large
UDP_RATE = 20_000
"""Datagrams a second; a spool sent out faster would be lost in the receiver's buffer."""


class Connection(Protocol):
    async def connect(self) -> None: ...

    async def send(self, messages: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


class Datagrams:
    """UDP, or a unix datagram socket; the first of `addresses` that is there."""

    def __init__(self, *addresses: Address) -> None:
        self._addresses = addresses
        self._socket: trio.socket.SocketType | None = None
        self._paced = False

    async def connect(self) -> None:
        error: OSError | None = None
        for address in self._addresses:
            try:
                self._socket = await _datagram_socket(address)
            except OSError as failed:
                error = failed
                continue
            self._paced = not address.path
            return
        raise error or OSError(errno.EDESTADDRREQ, "no address")

    async def send(self, messages: Sequence[bytes]) -> None:
        found = self._socket
        assert found is not None
        for message in messages:
            try:
                await found.send(message)
            except OSError as error:
                if error.errno != errno.EMSGSIZE:
                    raise
                await found.send(message[:_LARGEST])
        # The host's answer that nobody listens comes after the datagram.
        _raise_pending(found)
        if self._paced:
            await trio.sleep(len(messages) / UDP_RATE)
            _raise_pending(found)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


async def _datagram_socket(address: Address) -> trio.socket.SocketType:
    if address.path:
        made = trio.socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        target: object = address.path
    else:
        found = await trio.socket.getaddrinfo(address.host, address.port, type=socket.SOCK_DGRAM)
        family, kind, protocol, _, target = found[0]
        made = trio.socket.socket(family, kind, protocol)
    try:
        await made.connect(target)
    except BaseException:
        made.close()
        raise
    return made


class Streamed:
    """TCP, with TLS or without, or a unix stream socket. What was sent is theirs when it is acknowledged."""

    def __init__(self, *addresses: Address, tls: ssl.SSLContext | None = None) -> None:
        self._addresses = addresses
        self._tls = tls
        self._stream: trio.SocketStream | None = None
        self._secured: trio.SSLStream[trio.SocketStream] | None = None

    async def connect(self) -> None:
        error: OSError | None = None
        for address in self._addresses:
            try:
                await self._connect(address)
            except OSError as failed:
                error = failed
                continue
            return
        raise error or OSError(errno.EDESTADDRREQ, "no address")

    async def _connect(self, address: Address) -> None:
        if address.path:
            self._stream = await trio.open_unix_socket(address.path)
        else:
            with _as_os_errors():
                self._stream = await trio.open_tcp_stream(address.host, address.port)
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self._tls is not None:
            self._secured = trio.SSLStream(self._stream, self._tls, server_hostname=address.host)
            with _as_os_errors():
                await self._secured.do_handshake()

    async def send(self, messages: Sequence[bytes]) -> None:
        assert self._stream is not None
        if not self._alive():
            raise ConnectionResetError(errno.ECONNRESET, "the receiver has closed the connection")
        with _as_os_errors():
            await (self._secured or self._stream).send_all(b"".join(messages))
        await self._acknowledged(self._stream.socket)

    async def receive(self, most: int) -> bytes:
        """For protocols that answer; b"" at the end."""
        assert self._stream is not None
        with _as_os_errors():
            return bytes(await (self._secured or self._stream).receive_some(most))

    async def _acknowledged(self, sock: trio.socket.SocketType) -> None:
        pause = _FIRST_LOOK
        while True:
            _raise_pending(sock)
            waiting = struct.unpack("i", fcntl.ioctl(sock.fileno(), SIOCOUTQ, bytes(4)))[0]
            if not waiting:
                break
            await trio.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK)
        if sock.family != socket.AF_UNIX and _tcp_state(sock) not in (_ESTABLISHED, _CLOSE_WAIT):
            raise ConnectionResetError(errno.ECONNRESET, "the receiver has closed the connection")

    def _alive(self) -> bool:
        """Has nobody hung up? What is sent into a closing connection goes nowhere, without an error."""
        assert self._stream is not None
        sock = self._stream.socket
        if sock.family != socket.AF_UNIX:
            return _tcp_state(sock) == _ESTABLISHED
        duplicate = socket.socket(fileno=os.dup(sock.fileno()))
        with duplicate, contextlib.suppress(BlockingIOError):
            return duplicate.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) != b""
        return True

    def close(self) -> None:
        if self._stream is not None:
            self._stream.socket.close()


def _tcp_state(sock: trio.socket.SocketType) -> int:
    return sock.getsockopt(*_TCP_ALIVE, 1)[0]


def _raise_pending(sock: trio.socket.SocketType) -> None:
    if number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(number, os.strerror(number))


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """trio's errors wrap the kernel's and OpenSSL's, and those of several addresses."""
    try:
        yield
    except OSError as error:
        group = error.__cause__
        if error.errno is None and isinstance(group, ExceptionGroup):
            last = group.exceptions[-1]
            if isinstance(last, OSError) and last.errno is not None:
                raise OSError(last.errno, os.strerror(last.errno)) from error
        raise
    except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
        cause = error.__cause__
        if isinstance(cause, OSError):
            raise cause from None
        raise ConnectionResetError(errno.ECONNRESET, str(cause or "connection lost")) from error

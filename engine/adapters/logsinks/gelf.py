"""GELF 1.1: JSON messages, compressed and chunked over UDP, or ended by a zero byte over TCP."""

from __future__ import annotations

import gzip
import os
import socket
import zlib
from collections.abc import Callable, Sequence

import msgspec

from engine.adapters.logsinks.connections import Connection, Datagrams, Streamed
from engine.domain.logs.attributes import extra_attributes, render_tag
from engine.domain.logs.drivers import gelf_address
from engine.domain.logs.ports import Destination, Line
from engine.domain.logs.timestamps import format_nano

CHUNK = 1420  # bytes of a datagram, with its head; as go-gelf has it
_HEAD = 12
_MOST_CHUNKS = 128
_MAGIC = b"\x1e\x0f"
_INFO, _ERROR = 6, 3

_encode = msgspec.json.Encoder().encode


class GelfSink:
    """`fields` are the container's own, the same in each message; `pack` makes datagrams of a message."""

    def __init__(
        self,
        receiver: str,
        connection: Connection,
        fields: dict[str, str],
        pack: Callable[[bytes], list[bytes]],
    ) -> None:
        self.receiver = receiver
        self._connection = connection
        self._fields = {"version": "1.1", "host": socket.gethostname(), **fields}
        self._pack = pack

    async def connect(self) -> None:
        await self._connection.connect()

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        return [piece for line in lines for piece in self._pack(_encode(self._message(line)))]

    def _message(self, line: Line) -> dict[str, object]:
        return {
            **self._fields,
            "short_message": line.text,
            "timestamp": line.time_ns // 1_000_000 / 1000,
            "level": _ERROR if line.stream == "stderr" else _INFO,
        }

    async def send(self, messages: Sequence[bytes]) -> None:
        await self._connection.send(messages)

    def close(self) -> None:
        self._connection.close()


def terminated(message: bytes) -> list[bytes]:
    return [message + b"\0"]


def datagrams(kind: str, level: int) -> Callable[[bytes], list[bytes]]:
    """Compressors: `gzip`, `zlib`, `none`; a message that does not fit in 128 chunks is dropped by
    its receivers, so it is sent as far as it goes."""

    def pack(message: bytes) -> list[bytes]:
        if kind == "gzip":
            message = gzip.compress(message, level, mtime=0)
        elif kind == "zlib":
            message = zlib.compress(message, level)
        return chunked(message)

    return pack


def chunked(message: bytes) -> list[bytes]:
    if len(message) <= CHUNK:
        return [message]
    size = CHUNK - _HEAD
    parts = [message[start : start + size] for start in range(0, len(message), size)]
    parts = parts[:_MOST_CHUNKS]
    name = os.urandom(8)
    return [_MAGIC + name + bytes((number, len(parts))) + part for number, part in enumerate(parts)]


def make(destination: Destination) -> GelfSink:
    subject, options = destination.subject, destination.options
    address = gelf_address(options.get("gelf-address", ""))
    fields = {
        "_container_id": subject.id,
        "_container_name": subject.name.removeprefix("/"),
        "_image_id": subject.image_id,
        "_image_name": subject.image_name,
        "_command": subject.command,
        "_tag": render_tag(subject, options.get("tag", "") or "{{.ID}}"),
        "_created": format_nano(subject.created_ns),
    }
    extra = extra_attributes(subject, options)
    fields |= {name if name.startswith("_") else f"_{name}": extra[name] for name in extra}
    connection: Connection
    pack: Callable[[bytes], list[bytes]]
    if address.scheme == "tcp":
        connection, pack = Streamed(address), terminated
    else:
        level = int(options.get("gelf-compression-level", "1"))
        connection = Datagrams(address)
        pack = datagrams(options.get("gelf-compression-type", "gzip"), level)
    return GelfSink(str(address), connection, fields, pack)

"""fluentd: the forward protocol, many lines in one message, with acknowledgements where they are asked for."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import ssl
import struct
from collections.abc import Sequence

import msgspec

from engine.adapters.logsinks.connections import Streamed
from engine.domain.logs.attributes import extra_attributes, render_tag
from engine.domain.logs.drivers import Address, fluentd_address
from engine.domain.logs.ports import Destination, Line
from engine.domain.logs.values import go_bool

_EVENT_TIME = 0  # the extension's type

_encode = msgspec.msgpack.Encoder().encode
_message = msgspec.msgpack.Decoder(tuple[msgspec.Raw, msgspec.Raw, dict[str, object]])
_answers = msgspec.msgpack.Decoder(dict[str, str])


class FluentdSink:
    """`acknowledged` asks for an answer to each message, `precise` for times with nanoseconds."""

    def __init__(
        self,
        address: Address,
        tag: str,
        fields: dict[str, str],
        *,
        acknowledged: bool = False,
        precise: bool = False,
    ) -> None:
        self.receiver = str(address)
        tls = ssl.create_default_context() if address.scheme == "tls" else None
        self._connection = Streamed(address, tls=tls)
        self._tag = tag
        self._fields = fields
        self._acknowledged = acknowledged
        self._precise = precise

    async def connect(self) -> None:
        await self._connection.connect()

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        message: list[object] = [self._tag, [self._entry(line) for line in lines]]
        option: dict[str, object] = {"size": len(lines)}
        if self._acknowledged:
            option["chunk"] = base64.b64encode(os.urandom(16)).decode()
        return [_encode([*message, option])]

    def _entry(self, line: Line) -> tuple[object, dict[str, str]]:
        record = {**self._fields, "source": line.stream, "log": line.text}
        if line.partial:
            # All parts bear the time of the first one, which so names the line.
            whole = f"{self._fields.get('container_id')} {line.stream} {line.time_ns}"
            record |= {
                "partial_message": "true",
                "partial_id": hashlib.sha256(whole.encode()).hexdigest(),
                "partial_ordinal": str(line.ordinal),
                "partial_last": "false" if line.more else "true",
            }
        return self._time(line.time_ns), record

    def _time(self, ns: int) -> object:
        seconds, rest = divmod(ns, 1_000_000_000)
        if not self._precise:
            return seconds
        return msgspec.msgpack.Ext(_EVENT_TIME, struct.pack(">II", seconds, rest))

    async def send(self, messages: Sequence[bytes]) -> None:
        if not self._acknowledged:
            await self._connection.send(messages)
            return
        for message in messages:
            await self._connection.send([message])
            await self._acknowledgement(_message.decode(message)[2]["chunk"])

    async def _acknowledgement(self, chunk: object) -> None:
        answer = b""
        while True:
            piece = await self._connection.receive(4096)
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "no acknowledgement")
            answer += piece
            try:
                acknowledged = _answers.decode(answer).get("ack")
            except msgspec.DecodeError:
                continue  # there is more to come
            if acknowledged != chunk:
                raise OSError(errno.EPROTO, "the acknowledgement is of another message")
            return

    def close(self) -> None:
        self._connection.close()


def make(destination: Destination) -> FluentdSink:
    subject, options = destination.subject, destination.options
    fields = {
        "container_id": subject.id,
        "container_name": f"/{subject.name.removeprefix('/')}",
        **extra_attributes(subject, options),
    }
    return FluentdSink(
        fluentd_address(options.get("fluentd-address", "")),
        render_tag(subject, options.get("tag", "") or "{{.ID}}"),
        fields,
        acknowledged=go_bool(options.get("fluentd-request-ack", "false")),
        precise=go_bool(options.get("fluentd-sub-second-precision", "false")),
    )

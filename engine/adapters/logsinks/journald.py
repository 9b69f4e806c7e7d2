"""journald: its native protocol, one datagram for each line."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence

from engine.adapters.logsinks.connections import Datagrams
from engine.domain.logs.attributes import extra_attributes, render_tag
from engine.domain.logs.drivers import Address
from engine.domain.logs.ports import Destination, Line

SOCKET = "/run/systemd/journal/socket"
_INFO, _ERROR = b"PRIORITY=6\n", b"PRIORITY=3\n"


class JournaldSink:
    """`fields` are the container's own, the same with each line."""

    def __init__(self, path: str, fields: dict[str, str]) -> None:
        self.receiver = f"unixgram://{path}"
        self._connection = Datagrams(Address("unixgram", path=path))
        self._fields = b"".join(field(name, value) for name, value in fields.items())

    async def connect(self) -> None:
        await self._connection.connect()

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        return [self._entry(line) for line in lines]

    def _entry(self, line: Line) -> bytes:
        entry = field("MESSAGE", line.text) + self._fields
        entry += _ERROR if line.stream == "stderr" else _INFO
        if line.more:
            entry += b"CONTAINER_PARTIAL_MESSAGE=true\n"
        seconds, ns = divmod(line.time_ns, 1_000_000_000)
        # What journald has arrived when it arrived; a spooled line is older than that.
        return entry + b"SYSLOG_TIMESTAMP=%d.%06d\n" % (seconds, ns // 1000)

    async def send(self, messages: Sequence[bytes]) -> None:
        await self._connection.send(messages)

    def close(self) -> None:
        self._connection.close()


def field(name: str, value: str) -> bytes:
    """One field of an entry: a line, or with its length where it holds a newline."""
    data = value.encode()
    if b"\n" not in data:
        return b"%s=%s\n" % (name.encode(), data)
    return b"%s\n%s%s\n" % (name.encode(), struct.pack("<Q", len(data)), data)


def field_name(text: str) -> str:
    """Upper-case letters, digits and underscores, with none of these in front."""
    return re.sub(r"[^A-Z0-9]", "_", text.upper()).lstrip("_")


def make(destination: Destination) -> JournaldSink:
    subject, options = destination.subject, destination.options
    tag = render_tag(subject, options.get("tag", "") or "{{.ID}}")
    fields = {
        "CONTAINER_ID": subject.id[:12],
        "CONTAINER_ID_FULL": subject.id,
        "CONTAINER_NAME": subject.name.removeprefix("/"),
        "CONTAINER_TAG": tag,
        "IMAGE_NAME": subject.image_name,
        "SYSLOG_IDENTIFIER": tag,
    }
    extra = extra_attributes(subject, options)
    named = {field_name(name): value for name, value in extra.items() if field_name(name)}
    return JournaldSink(SOCKET, fields | named)

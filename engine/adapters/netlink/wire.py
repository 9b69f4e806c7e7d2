"""One route-netlink socket: batches of requests, their acknowledgements, dumps."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Interface, IPv6Interface
from types import TracebackType
from typing import Any, Self

from engine.adapters.netlink.messages import ifaddrmsg, ifinfmsg, rtmsg
from engine.errors import SystemFailure

REQUEST, ACK, EXCL, CREATE, DUMP = 0x1, 0x4, 0x200, 0x400, 0x300
NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR, NEWROUTE, DELROUTE, GETROUTE = 20, 21, 22, 24, 25, 26
UP = 1
_NO_DAD = 2
_ERROR, _DONE = 2, 3
_SOL_NETLINK, _CAP_ACK, _EXT_ACK, _STRICT = 270, 10, 11, 12
_HEADER = struct.Struct("=IHHII")
# The kernel answers at once; a silence this long is a lost answer, not a slow one.
ANSWER_TIMEOUT = 10.0


class NetlinkError(SystemFailure):
    """The kernel refused a request; `code` is its errno."""

    def __init__(self, action: str, code: int, detail: str = "") -> None:
        reason = f"{os.strerror(code).lower()}" + (f" ({detail})" if detail else "")
        super().__init__(f"netlink: {action}: {reason}")
        self.code = code


Attributes = Sequence[tuple[str, Any]]


class Message:
    """One request, in pyroute2's message classes; `action` is what an error will say."""

    __slots__ = ("action", "body")

    def __init__(
        self,
        action: str,
        body: Any,
        kind: int,
        *,
        flags: int = 0,
        fields: Mapping[str, Any] | None = None,
        attrs: Attributes = (),
    ) -> None:
        body["header"]["type"] = kind
        body["header"]["flags"] = REQUEST | ACK | flags
        for name, value in (fields or {}).items():
            body[name] = value
        body["attrs"] = list(attrs)
        self.action = action
        self.body = body

    def encode(self, sequence: int) -> bytes:
        self.body["header"]["sequence_number"] = sequence
        self.body.encode()
        return bytes(self.body.data)


class RouteSocket:
    """A netlink socket of the network namespace that the calling thread was in at construction."""

    def __init__(self, family: int = socket.NETLINK_ROUTE) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family
        )
        self._socket.settimeout(ANSWER_TIMEOUT)
        self._socket.bind((0, 0))
        for option in (_CAP_ACK, _EXT_ACK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._sequence = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def transact(self, *messages: Message) -> None:
        """Send all in one batch; raise the first refusal. Later requests of the batch did run."""
        first = self._sequence + 1
        self._sequence += len(messages)
        self._socket.send(b"".join(m.encode(first + i) for i, m in enumerate(messages)))
        refused: NetlinkError | None = None
        waiting = len(messages)
        while waiting:
            for kind, sequence, body in self._receive(messages[0].action):
                if kind != _ERROR or sequence < first:
                    continue
                waiting -= 1
                code = -struct.unpack_from("=i", body)[0]
                if code and refused is None:
                    refused = NetlinkError(messages[sequence - first].action, code, _detail(body))
        if refused is not None:
            raise refused

    def get(self, message: Message) -> bytes:
        """The one raw message that answers a request for one object."""
        message.body["header"]["flags"] = REQUEST
        self._sequence += 1
        self._socket.send(message.encode(self._sequence))
        while True:
            for kind, sequence, body in self._receive(message.action, whole=True):
                if sequence != self._sequence:
                    continue
                if kind == _ERROR:
                    raise NetlinkError(message.action, -struct.unpack_from("=i", body, 16)[0])
                return body

    def dump(self, message: Message) -> list[bytes]:
        """The raw messages that answer a dump request."""
        message.body["header"]["flags"] = REQUEST | DUMP
        self._sequence += 1
        self._socket.send(message.encode(self._sequence))
        found: list[bytes] = []
        while True:
            for kind, sequence, body in self._receive(message.action, whole=True):
                if sequence != self._sequence:
                    continue
                if kind == _DONE:
                    return found
                if kind == _ERROR:
                    code = -struct.unpack_from("=i", body, 16)[0]
                    raise NetlinkError(message.action, code)
                found.append(body)

    def _receive(self, action: str, *, whole: bool = False) -> Iterator[tuple[int, int, bytes]]:
        try:
            data = self._socket.recv(1 << 18)
        except TimeoutError as error:
            raise NetlinkError(action, errno.ETIMEDOUT, "no answer from the kernel") from error
        at = 0
        while at + 16 <= len(data):
            length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
            yield kind, sequence, data[at if whole else at + 16 : at + length]
            at += (length + 3) & ~3


def _detail(body: bytes) -> str:
    """The kernel's extended acknowledgement text, behind the error and the echoed header."""
    at = 4 + 16
    while at + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, at)
        if kind == 1:  # NLMSGERR_ATTR_MSG
            return body[at + 4 : at + length].rstrip(b"\0").decode(errors="replace")
        at += max(4, (length + 3) & ~3)
    return ""


def link(
    action: str,
    kind: int,
    *,
    flags: int = 0,
    attrs: Attributes = (),
    index: int = 0,
    up: bool = False,
    down: bool = False,
) -> Message:
    state = {"flags": UP if up else 0, "change": UP} if up or down else {}
    fields = {"index": index} | state
    return Message(action, ifinfmsg(), kind, flags=flags, fields=fields, attrs=attrs)


def address(
    action: str, kind: int, *, flags: int = 0, attrs: Attributes = (), **fields: int
) -> Message:
    return Message(action, ifaddrmsg(), kind, flags=flags, fields=fields, attrs=attrs)


def give_address(
    action: str,
    kind: int,
    address_: IPv4Interface | IPv6Interface,
    index: int,
    *,
    flags: int = 0,
) -> Message:
    """An address of an interface. Nobody else has ours, so IPv6 needn't ask around for a second."""
    attrs: list[tuple[str, Any]] = [
        ("IFA_LOCAL", str(address_.ip)),
        ("IFA_ADDRESS", str(address_.ip)),
    ]
    ipv6 = isinstance(address_, IPv6Interface)
    if ipv6:
        attrs.append(("IFA_FLAGS", _NO_DAD))
    else:
        attrs.append(("IFA_BROADCAST", str(address_.network.broadcast_address)))
    return address(
        action,
        kind,
        flags=flags,
        attrs=attrs,
        family=socket.AF_INET6 if ipv6 else socket.AF_INET,
        prefixlen=address_.network.prefixlen,
        index=index,
    )


def route(
    action: str, kind: int, *, flags: int = 0, attrs: Attributes = (), **fields: int
) -> Message:
    return Message(action, rtmsg(), kind, flags=flags, fields=fields, attrs=attrs)


def decoded(kind: Any, raw: Sequence[bytes]) -> Iterator[Any]:
    """The raw messages of a dump as pyroute2 messages of the class given."""
    for data in raw:
        message = kind(data)
        message.decode()
        yield message

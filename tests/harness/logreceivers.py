"""Receivers of logs for a daemon under test: each collects what comes, in a thread of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable
from typing import Self

import msgspec

from tests.harness.sockets import socket_in

TICK = 0.1


class Receiver:
    """`texts` are the lines' texts in the order of their arrival, as the driver's own protocol has them."""

    def __init__(
        self, made: socket.socket, parse: Callable[[bytes], tuple[list[str], bytes]]
    ) -> None:
        """`parse` gives the texts of whole messages, and the bytes that begin the next one."""
        self.texts: list[str] = []
        self._socket = made
        self._parse = parse
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._socket.settimeout(TICK)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._socket.close()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def wait(self, count: int, seconds: float = 30) -> list[str]:
        deadline = time.monotonic() + seconds
        while len(self.texts) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return list(self.texts)

    def _run(self) -> None:
        if self._socket.type & socket.SOCK_DGRAM:
            self._collect(self._socket, whole=True)
            return
        while not self._over.is_set():
            with contextlib.suppress(TimeoutError):
                accepted, _ = self._socket.accept()
                with accepted:
                    accepted.settimeout(TICK)
                    self._collect(accepted, whole=False)

    def _collect(self, source: socket.socket, *, whole: bool) -> None:
        rest = b""
        while not self._over.is_set():
            try:
                data = source.recv(1 << 18)
            except TimeoutError:
                continue
            except ConnectionError:
                return
            if not data:
                return
            found, rest = self._parse(data if whole else rest + data)
            self.texts += found


def tcp(namespace: str, port: int = 0) -> socket.socket:
    made = socket_in(namespace, socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    made.listen()
    return made


def udp(namespace: str) -> socket.socket:
    made = socket_in(namespace, socket.AF_INET, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind(("127.0.0.1", 0))
    return made


def unixgram(path: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(path)
    os.chmod(path, 0o666)
    return made


_SYSLOG = re.compile(
    rb"<\d+>(?:1 \S+ \S+ \S+ \d+ \S+ - |[A-Z][a-z]{2} [ \d]\d [\d:]{8} (?:\S+ )?\S+\[\d+\]: )"
)


def syslog(data: bytes) -> tuple[list[str], bytes]:
    *messages, rest = data.split(b"\n")
    texts = []
    for message in messages:
        head = _SYSLOG.match(message)
        assert head is not None, message
        texts.append(message[head.end() :].decode())
    return texts, rest


def gelf_tcp(data: bytes) -> tuple[list[str], bytes]:
    *messages, rest = data.split(b"\0")
    return [json.loads(each)["short_message"] for each in messages], rest


def gelf_udp(data: bytes) -> tuple[list[str], bytes]:
    return [json.loads(zlib.decompress(data, wbits=47))["short_message"]], b""


def journald(data: bytes) -> tuple[list[str], bytes]:
    name, separator, rest = data.partition(b"\n")
    if name.startswith(b"MESSAGE="):
        return [name[8:].decode()], b""
    assert name == b"MESSAGE"
    assert separator
    (length,) = struct.unpack_from("<Q", rest)
    return [rest[8 : 8 + length].decode()], b""


def fluentd(data: bytes) -> tuple[list[str], bytes]:
    """A message at a time: an incomplete one is waited for."""
    texts: list[str] = []
    while data:
        try:
            _, entries, _ = msgspec.msgpack.decode(data)
        except msgspec.DecodeError as error:
            if "trailing" not in str(error):
                return texts, data
            end = int(re.search(r"byte (\d+)", str(error))[1])  # type: ignore[index]
            _, entries, _ = msgspec.msgpack.decode(data[:end])
            data = data[end:]
        else:
            data = b""
        texts += [record["log"] for _, record in entries]
    return texts, data

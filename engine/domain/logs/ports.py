"""What the logs room needs of the outside: somebody who takes lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from engine.domain.logs.attributes import LogSubject


class Line(NamedTuple):
    """One record of a log: the text without its newline. The parts of a line longer than 16 KiB
    share the time of the first one and are `partial`; all but the last are `more`."""

    text: str
    stream: str
    time_ns: int
    partial: bool = False
    more: bool = False
    ordinal: int = 0


class Destination(msgspec.Struct, frozen=True):
    """Whose lines go where: a delivering driver with options that were checked."""

    driver: str
    options: dict[str, str]
    subject: LogSubject


class Sink(Protocol):
    """A connection to a receiver. Everything that fails raises OSError, and `close` comes after it."""

    receiver: str
    """Its address, for people."""

    async def connect(self) -> None: ...

    def encode(self, lines: Sequence[Line]) -> list[bytes]:
        """The messages of a few lines."""

    async def send(self, messages: Sequence[bytes]) -> None:
        """Returns once the receiver, or its host, has them."""

    def close(self) -> None: ...


class SinkFactory(Protocol):
    def __call__(self, destination: Destination) -> Sink:
        """Called in a worker thread; EngineError or OSError if the options don't make a sink."""


class LogDrivers(Protocol):
    """Drivers beside the engine's own."""

    async def need(self, driver: str) -> None:
        """NotFound, Unavailable."""

    def active(self) -> list[str]: ...

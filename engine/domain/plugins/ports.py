"""What the plugins room needs from outside: where plugins are, and a way to ask them."""

from __future__ import annotations

from typing import Protocol

import msgspec


class PluginTls(msgspec.Struct, frozen=True, kw_only=True):
    """As in a .json file: `ca`, `cert` and `key` are paths, empty for none."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    insecure: bool = False


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """Where a plugin listens: `address` is `unix:///path` or `tcp://host:port`.

    `root` goes before the paths that it answers with, for one that lives in a root of its own.
    """

    name: str
    address: str
    tls: PluginTls | None = None
    root: str = ""


class NotReached(Exception):
    """Nobody listens there (yet), or the connection ended before an answer began: it may be tried again."""


class BadAnswer(Exception):
    """What came is no answer: too large, or no HTTP."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


class Directory(Protocol):
    """The plugins that the host has; both read a few small files."""

    async def find(self, name: str) -> Endpoint | None: ...

    async def names(self) -> list[str]: ...


class Wire(Protocol):
    async def post(self, endpoint: Endpoint, path: str, body: bytes, *, limit: int) -> Answer:
        """One request on a connection of its own. NotReached, BadAnswer; no deadline of its own."""
        ...

"""What the plugins room needs from outside: where plugins are, and a way to ask them."""

from __future__ import annotations

import os
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

    `root` goes before the paths that it answers with, for one that lives in a root of its own; `propagated` is
    a path there and the directory of the host that it is. What it `implements` is known of a managed one,
    which is then not asked.
    """

    name: str
    address: str
    tls: PluginTls | None = None
    root: str = ""
    propagated: tuple[str, str] = ("", "")
    implements: tuple[str, ...] = ()

    def on_host(self, path: str) -> str:
        """An absolute path as the plugin means it, which never leads out of its root."""
        if not self.root:
            return path
        path = os.path.normpath("/" + path.lstrip("/"))
        inside, outside = self.propagated
        if inside and (path == inside or path.startswith(inside.rstrip("/") + "/")):
            return outside + path[len(inside.rstrip("/")) :]
        return self.root + path


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

"""What the daemon tells the resolver process: who is found by which name, and who asks from where."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import trio


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A container in one network; `links` are names that it alone uses for others there, `ports`
    the services that it is known to have ("80/tcp")."""

    network: str
    network_name: str
    addresses: list[str]
    names: list[str]
    links: dict[str, str] = {}
    ports: list[str] = []


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """One container: `path` is its network namespace.

    `servers` are asked from inside it, where its user or the daemon's configuration named them;
    without any, those of the host's resolv.conf are, from the host. Where `forwards` is false
    (internal networks only) a name that nobody here has is asked of nobody.
    """

    id: str
    path: str
    presences: list[Presence]
    servers: list[str] = []
    forwards: bool = True


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One line to the resolver. `retain` names all scopes there are, `put` and `drop` one."""

    number: int
    put: list[Scope] = []
    drop: list[str] = []
    retain: bool = False


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The resolver's line: the command's number, and what could not be done, by scope."""

    number: int
    failures: dict[str, str] = {}


async def lines(stream: trio.SocketStream) -> AsyncIterator[bytes]:
    """The lines that come, until the other end closes."""
    rest = bytearray()
    while data := await stream.receive_some():
        rest += data
        *whole, last = rest.split(b"\n")
        for line in whole:
            yield bytes(line)
        rest = bytearray(last)

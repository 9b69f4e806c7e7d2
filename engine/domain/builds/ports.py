"""What the builds room needs from outside: contexts on disk, and layers to copy them into."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec
import trio

__all__ = ["BuildKit", "Carry", "Fetched", "Fetcher", "Order", "Picked", "Tree", "Workshop"]


class Picked(msgspec.Struct, frozen=True):
    """One source of a copy: its path in the tree, and the hash of what is there, in dockerd's terms.

    `whole`: archives are copied as they are, also by an ADD.
    """

    path: str
    hash: str
    whole: bool = False


class Order(msgspec.Struct, frozen=True):
    """How a copy is done. `target` is absolute, with a slash at its end where it names a directory.

    `chown` is as the Dockerfile has it, "" for root; with `keep` owners stay as they are.
    """

    target: str
    unpack: bool = False
    chown: str = ""
    keep: bool = False


class Tree(Protocol):
    """Something to copy from: a context, or an image's root."""

    async def pick(self, source: str) -> Sequence[Picked]:
        """NotFound for what is not there; patterns may match nothing."""

    async def read(self, path: str, limit: int) -> bytes:
        """A file, links followed inside the tree. NotFound; InvalidParameter when it is longer."""

    async def remove(self, path: str) -> None: ...

    async def add(self, name: str, data: bytes) -> Picked:
        """Put a file of our own at the top, and pick it."""

    async def store(self, name: str, chunks: AsyncIterator[bytes], modified: int) -> Picked:
        """The same for a download, for its owner alone; its hash stands without a kind, as in dockerd."""


class Workshop(Protocol):
    """Mounts are containerd's. A build's files lie in a directory of its own until `discard`."""

    def receive(
        self, build_id: str, chunks: AsyncIterator[bytes], name: str = "context"
    ) -> AbstractAsyncContextManager[Tree]:
        """Unpack a context, compressed or not. InvalidParameter for what is damaged or too large."""

    def directory(self, build_id: str, name: str) -> AbstractAsyncContextManager[tuple[str, Tree]]:
        """An empty directory, and what will be in it as a tree."""

    def below(self, build_id: str, name: str, path: str) -> AbstractAsyncContextManager[Tree]:
        """A directory inside the one of this name, as a tree. InvalidParameter where it is none."""

    async def program(self, build_id: str, name: str, file: str, data: bytes) -> str:
        """Write an executable file into a directory of this name; the directory's path."""

    def root(self, mounts: Sequence[Any]) -> AbstractAsyncContextManager[Tree]:
        """An image's root, to copy from."""

    async def copy(
        self, tree: Tree, picked: Sequence[Picked], mounts: Sequence[Any], order: Order
    ) -> None: ...

    async def make_directory(self, mounts: Sequence[Any], path: str) -> None: ...

    async def move(self, source: Sequence[Any], target: Sequence[Any]) -> None:
        """What one writable layer holds into another, empty one, without writing it again."""

    def layer(self, mounts: Sequence[Any]) -> AsyncGenerator[bytes, None]:
        """The changes that a writable layer holds, as a layer's tar."""

    async def discard(self, build_id: str) -> None:
        """Remove what there is of the build's files."""

    async def left_over(self) -> Sequence[str]:
        """The builds that have files."""


class Fetched(msgspec.Struct, frozen=True):
    """What an URL led to: its name ("" for none), and when it was last changed (seconds, 0 unknown)."""

    name: str
    media_type: str
    modified: int
    chunks: Any


class Fetcher(Protocol):
    """Downloads. Both raise InvalidParameter, and DeadlineExceeded for who does not answer."""

    def http(self, url: str) -> AbstractAsyncContextManager[Fetched]: ...

    async def git(self, url: str, directory: str) -> str:
        """Fill the directory; the path in it that the URL names."""


Carry = Callable[[trio.abc.HalfCloseableStream], Awaitable[None]]


class BuildKit(Protocol):
    """Another builder on this machine. Both are Unavailable when it does not answer.

    What they give carries a client's bytes there and back until one of the two ends.
    """

    @property
    def available(self) -> bool: ...

    def control(self) -> AbstractAsyncContextManager[Carry]: ...

    def session(self, metadata: Sequence[tuple[str, str]]) -> AbstractAsyncContextManager[Carry]:
        """`metadata`: what the client says of its session, names in lower case."""

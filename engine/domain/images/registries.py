"""What the images room needs of registries, and how they fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from engine.domain.images.ports import Descriptor
from engine.domain.names.references import Reference
from engine.errors import SystemFailure
from engine.models.images import SearchResult
from engine.models.registry import AuthConfig

__all__ = [
    "NO_CREDENTIALS",
    "Fetched",
    "Interrupted",
    "Offset",
    "Refused",
    "Registries",
    "Repository",
]

# The code of a Refused that no registry has sent: it wants a password and there is none.
NO_CREDENTIALS = "NO_BASIC_AUTH"

# A blob's bytes from an offset on; called again when an upload is repeated or resumed.
Offset = Callable[[int], AsyncIterator[bytes]]


class Interrupted(SystemFailure):
    """The registry could not be reached, or not to the end; trying again may help.

    `retry_after` is in seconds, None when the registry did not say.
    """

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Refused(SystemFailure):
    """The registry answered with an error; `code` is its own word (MANIFEST_UNKNOWN, DENIED, ...)."""

    def __init__(self, message: str, *, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class Fetched(msgspec.Struct, frozen=True):
    """A manifest or index as it came; `digest` is that of these bytes."""

    media_type: str
    digest: str
    data: bytes

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.data))


class Repository(Protocol):
    """One repository, with one client's credentials. Everything raises Refused and Interrupted."""

    @property
    def mirror(self) -> str:
        """The mirror that answered last, "" when it was the registry itself."""

    async def resolve(self, reference: str) -> Descriptor | None:
        """What a tag or digest stands for; None when the registry only tells with the content."""

    async def manifest(self, reference: str) -> Fetched: ...
    async def tags(self) -> list[str]: ...
    def blob(
        self, blob: Descriptor, offset: int = 0
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The blob's bytes from `offset` on, unverified."""

    async def has_blob(self, digest: str) -> bool: ...
    async def mount(self, digest: str, source: str) -> bool:
        """Take a blob over from another repository of the registry, if it lets us."""

    async def upload(
        self, blob: Descriptor, content: Offset, progress: Callable[[int], None]
    ) -> None:
        """`progress` is told how many bytes the registry has."""

    async def put_manifest(self, reference: str, manifest: Descriptor, data: bytes) -> None: ...


class Registries(Protocol):
    def repository(
        self,
        name: Reference,
        credentials: AuthConfig,
        *,
        push: bool = False,
        sources: Sequence[str] = (),
    ) -> AbstractAsyncContextManager[Repository]:
        """Nothing is sent before the first call. `sources` are repositories to mount blobs from."""

    async def login(self, credentials: AuthConfig) -> str:
        """The identity token, or "". Raises Unauthorized."""

    async def search(
        self, term: str, limit: int, credentials: AuthConfig
    ) -> list[SearchResult]: ...
